"""One client of the Centrifuge doors: what is known of it, and how it is told what happens."""

from __future__ import annotations

from ...auth.admission import Reception
from ...core.cursor import Lost, Reason
from ...core.outbox import Outlet
from ...errors import UNSUBSCRIBE_REASONS, ClientError, Disconnect
from ...hooks.events import Client
from ...model import ANONYMOUS
from ...node.node import Node
from ...protocol.centrifuge import messages as m
from ...protocol.centrifuge.codecs import Codec
from ..session import Session
from ..subscription import Subscription
from ..views import Framing
from .view import CentrifugeView, shared_view


class Peer(Session):
    """A session that can say things in the Centrifuge protocol.

    What goes on between client and server, from connect to close, is `CentrifugeSession`'s; commands
    and subscriptions need no more than this. `bare` is the unidirectional form: pushes only.
    `reception` says which tokens are taken.
    """

    __slots__ = ("bare", "codec", "framing", "reception")

    def __init__(
        self,
        node: Node,
        outlet: Outlet,
        framing: Framing,
        *,
        codec: Codec,
        reception: Reception,
        about: Client,
        bare: bool = False,
    ) -> None:
        super().__init__(node, outlet, client=about.id, grant=ANONYMOUS, about=about)
        self.codec = codec
        self.framing = framing
        self.bare = bare
        self.reception = reception

    # -- how it is told

    def answer(self, id: int, outcome: m.Result | ClientError) -> None:  # noqa: A002 - the wire's word
        self.say(self.codec.encode_reply(m.Reply(id, outcome)))

    def announce(self, push: m.Push) -> None:
        """A push that is not an entry of a channel."""
        encode = self.codec.encode_bare_push if self.bare else self.codec.encode_push
        self.say(encode(push))

    def say(self, message: bytes) -> None:
        """One message, in a frame of its own."""
        self.reply(self.framing.wrap(message))

    def view(
        self, *, joins: bool = False, delta: bool = False, tags: m.FilterNode | None = None
    ) -> CentrifugeView:
        """How it sees a channel's entries from the next one on."""
        if tags is not None:
            return CentrifugeView(self.codec, self.framing, bare=self.bare, joins=joins, tags=tags)
        return shared_view(self.codec, self.framing, bare=self.bare, joins=joins, delta=delta)

    def unsubscribe_from_server(self, name: str, code: int = 2000, reason: str | None = None) -> None:
        subscription = self.subscriptions.get(name)
        if subscription is None:
            return
        self.subscriptions.drop(subscription)
        if subscription.told:
            self.announce(m.UnsubscribePush(name, code, reason or UNSUBSCRIBE_REASONS.get(code, "server")))

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        """What cannot be delivered is insufficient state: the client comes back and recovers."""
        channel, admission = subscription.channel, subscription.admission
        if lost.reason is Reason.LATEST or lost.first is None:
            return True  # conflation is what was asked for; without offsets there is no state to lose
        if channel is not None and channel.options.on_gap == "disconnect":
            self.node.counters.slow_disconnects += 1
            self.close(Disconnect(3008))
        elif admission is not None and admission.server_side:
            self.close(Disconnect(3010))
        else:
            self.unsubscribe_from_server(subscription.name, 2500)
        return False
