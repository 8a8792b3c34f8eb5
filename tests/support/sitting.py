"""A session as all doors share it, on a world's hub and a fake outlet."""

from __future__ import annotations

from gapless.core.cursor import Lost
from gapless.hooks.events import Client
from gapless.model import Grant
from gapless.sessions.session import Session
from gapless.sessions.subscription import Subscription

from .outlet import FakeOutlet
from .world import World


class Sitter(Session):
    """It says nothing on a wire; what it is told to say, it notes."""

    __slots__ = ("lost", "wire")

    def __init__(self, world: World, client: str = "me", user: str = "ann") -> None:
        self.wire = FakeOutlet()
        self.lost: list[Lost] = []
        super().__init__(
            world.hub.node, self.wire, client=client, grant=Grant(user=user), about=Client(client, user)
        )

    def tell_lost(self, subscription: Subscription, lost: Lost) -> bool:
        self.lost.append(lost)
        return True
