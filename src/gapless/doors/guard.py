"""Who may come in: origin, credential and the application's own word, before any door opens."""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import resource
import time
from functools import lru_cache

from starlette.types import Scope

from ..auth.access import Access
from ..auth.admission import Admitted, BadCredential, Handshake, NoCredential, Reception, unanswered
from ..auth.credential import Via
from ..errors import ClientError, Disconnect
from ..hooks.events import Client
from ..hub import Hub
from ..model import NOTHING
from ..protocol.centrifuge.messages import Connect
from .request import Refused, Request, bearer_offered, by_header, presented_key, presented_token

log = logging.getLogger("gapless")

NAME_CHARACTERS = 64
"""Of what a client calls itself; the rest is cut off."""

AGENT_CHARACTERS = 200
"""Of what a client says of its software."""

RESERVED_DESCRIPTORS = 200
"""Open files that connections leave to the broker, the database and /health."""


class Guard:
    """The rules of one HubApp: `admit` for connections of clients, `admit_operator` for the API."""

    def __init__(self, hub: Hub, access: Access) -> None:
        self.hub = hub
        self.access = access
        self.reception = Reception(
            hub.hooks,
            access.tokens,
            anonymous=access.lets_anonymous_in,
            insecure=access.insecure,
            personal_namespace=access.personal_namespace,
            anonymous_tokens=access.anonymous_tokens,
        )
        self._told = False
        self._known_room: float = 0

    @property
    def max_connections(self) -> float:
        """How many may be connected. Looked up anew: a server may raise the limit when it starts."""
        limit = self.hub.limits.connections
        return limit if limit is not None else _descriptors() - RESERVED_DESCRIPTORS

    def _is_full(self) -> bool:
        count = len(self.hub.node.roster)
        if count >= self._known_room:
            # Asking the system costs more than the rest of this; only when it may matter.
            self._known_room = self.max_connections
        return count >= self._known_room

    def check_place(self, scope: Scope, request: Request) -> None:
        """The right origin, and the right host. Raises Refused (403)."""
        host = request.headers.get("host", "")
        if not self.access.policy.allows(request.origins, host, scope.get("scheme", "http")):
            self.reception.refusals.origin(request.origins, host)
            raise Refused(403, "this origin is not allowed; add it with --origin or HubApp(origins=[…])")
        if not self._is_open_to(scope, host):
            # Whoever's name resolves to 127.0.0.1 could be a page of anybody (DNS rebinding); an
            # open hub on loopback therefore answers to addresses and to localhost only.
            self.reception.refusals.host(host)
            raise Refused(403, "an open hub on loopback answers to localhost and 127.0.0.1 only; set a token")

    def _is_open_to(self, scope: Scope, host: str) -> bool:
        return not (self.access.open_api and is_loopback(scope)) or _is_literal(host)

    def is_operator(self, scope: Scope, request: Request) -> bool:
        """Does the request carry the server's credential, or does the application know its sender for one?"""
        via = self._presented(scope)
        if via is Via.HEADER:
            return True
        # A cookie travels with whatever any page causes; without an origin it proves nothing. What the
        # application knows its users by is most likely one, too.
        if not (request.origins or _is_same_site(request)):
            return False
        return via is Via.COOKIE or self.knows_operator(scope)

    def knows_operator(self, scope: Scope) -> bool:
        """Does the application say that an operator sent this, whatever page caused it?"""
        if self.access.operators is None:
            return False
        try:
            return self.access.operators(scope) is True
        except Exception:
            self.hub.counters.hook_errors += 1
            log.exception("Access(operators=…) failed: nobody is an operator by it")
            return False

    def admit_operator(self, scope: Scope, request: Request) -> None:
        """For the API. Raises Refused: 403 for the place, 401 for the credential."""
        self.check_place(scope, request)
        if not (self.access.open_api or self._key_in_query(request) or self.is_operator(scope, request)):
            if presented_key(request) or presented_token(scope, request):
                self.reception.refusals.bad_key()
            raise Refused(401, "the API wants the credential of --token, GAPLESS_TOKEN or HubApp(token=…)")

    def may_call(self, scope: Scope, request: Request) -> bool:
        """Would `admit_operator` let it in for what it carries, a request of no page?

        Asks, and neither counts nor tells; the application is not asked.
        """
        if request.origins or not self._is_open_to(scope, request.headers.get("host", "")):
            return False
        if self.access.open_api or self._key_in_query(request):
            return True
        return self._presented(scope) is Via.HEADER

    def _presented(self, scope: Scope) -> Via | None:
        """How the server's credential came with this request; None: not at all."""
        credential = self.access.credential
        if credential is None:
            return None
        if credential.matches(bearer_offered(scope)):
            return Via.HEADER
        return credential.present_in(scope["headers"], time.time())

    def _key_in_query(self, request: Request) -> bool:
        """Does the query hold the credential, where that is taken?"""
        credential = self.access.credential
        if credential is None or not self.access.old_api_clients:
            return False
        return any(name == "api_key" and credential.matches(value) for name, value in request.query)

    def enter(self, scope: Scope, request: Request) -> bool:
        """May a connection be made from here at all? True: it carries the server's credential.

        Raises:
            Refused: 403 for the place, 429 when its address has too many, 503 when the hub is full or
                not running.
        """
        unready = self.hub.lifecycle.unready()
        if unready is not None:
            self._tell()
            raise Refused(503, unready)
        if self._is_full():
            raise Refused(503, "the hub is full")
        self.check_place(scope, request)
        operator = self.is_operator(scope, request)
        if not operator:
            self._check_address(request.address)
        return operator

    def handshake(self, scope: Scope, request: Request, transport: str) -> Handshake:
        """What a request says of the client to come.

        Raises:
            Refused: 401, 403, 429, or 503 when the hub is full or not running.
        """
        operator = self.enter(scope, request)
        is_asked = "connect" in self.hub.hooks.events
        query = dict(request.query)
        name = query.get("name", "")[:NAME_CHARACTERS]
        return Handshake(
            Client(
                new_client_id(),
                "",
                transport,
                request.address,
                name=name,
                agent=_shared(request.headers.get("user-agent", "")[:AGENT_CHARACTERS]),
            ),
            headers=request.headers,
            query=query,
            cookies=request.cookies if is_asked else NOTHING,
            operator=operator,
            calls_api=operator or self.access.open_api,
            # A copy: what a hook writes there reaches nobody else.
            scope=dict(scope) if is_asked else NOTHING,
        )

    async def admit(self, scope: Scope, request: Request, transport: str) -> tuple[Client, Admitted]:
        """For a client that says who it is by its request, and by nothing after it.

        Raises:
            Refused: before the upgrade: 401, 403, 429, or 503 when the hub is full or not running.
            Disconnect: what was presented is no good, or the application's hook refused.
        """
        handshake = self.handshake(scope, request, transport)
        token = "" if handshake.operator else presented_token(scope, request)
        if not (token or handshake.operator or "connect" in self.hub.hooks.events) and presented_key(request):
            self.reception.refusals.bad_key()
            raise Refused(401, "that is not the credential")
        try:
            admitted = await self.reception.admit(handshake, Connect(token=token), time.time())
        except NoCredential as error:
            raise Refused(401, "this hub wants a credential or a token") from error
        except BadCredential as error:
            if by_header(scope, request):  # who can set a header can read a status
                raise Refused(401, "that is neither the credential nor a good token") from error
            raise
        except ClientError as error:
            raise unanswered(error, 3501) from error
        except TypeError:
            self.hub.counters.hook_errors += 1
            log.exception("the connect hook returned what grants nothing")
            raise Disconnect(3004) from None
        # Tokens and hooks may have taken their time.
        unready = self.hub.lifecycle.unready()
        if unready is not None:
            raise Refused(503, unready)
        if not handshake.operator:
            self._check_address(request.address)
        if len(admitted.subs) > self.hub.limits.subscriptions:
            raise Disconnect(3505)
        await self.hub.node.users.admit(admitted.grant.user)
        about = self.hub.hooks.introduce(
            handshake.client, admitted.grant, headers=request.headers, emulated={}
        )
        return about, admitted

    def _tell(self) -> None:
        """Once, and not for every client that tries again: how to start the hub."""
        if not self.hub.running and not self._told:
            self._told = True
            log.error("a client came, but the hub is not running: add lifespan=hub.lifespan to your app")

    def _check_address(self, address: str) -> None:
        limit, addresses = self.hub.limits.address_connections, self.hub.node.addresses
        if limit is not None and addresses is not None and addresses.of(address) >= limit:
            self.hub.counters.crowded_addresses += 1
            raise Refused(429, f"at most {limit} connections from one address")


def _is_same_site(request: Request) -> bool:
    # Fetch metadata: browsers set it, pages cannot. GET requests of the page itself have no Origin.
    return request.headers.get("sec-fetch-site") in ("same-origin", "none")


def is_loopback(scope: Scope) -> bool:
    """Was the request made to an address that only this machine has?"""
    server = scope.get("server")
    try:
        return server is not None and ipaddress.ip_address(server[0]).is_loopback
    except ValueError:
        return False


def _is_literal(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]").lower()
    if name in ("localhost", "") or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def new_client_id() -> str:
    """A random UUID (RFC 9562, version 4), written out: `uuid.uuid4` takes five times as long."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _descriptors() -> float:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return math.inf if soft == resource.RLIM_INFINITY else soft


@lru_cache(maxsize=256)
def _shared(text: str) -> str:
    """The same text in one place: a hundred thousand browsers are of a few kinds."""
    return text
