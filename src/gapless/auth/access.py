"""Who may come in through the doors of a hub: the settings, as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from .credential import Credential
from .origin import OriginPolicy
from .verifier import TokenVerifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may come in, and who may do what there.

    Raises:
        ConfigError: the token or an origin cannot be.
    """

    token: str | None = field(default=None, repr=False)
    """The credential of publishers and operators. Without one the API answers 401."""
    open_api: bool = False
    """Everybody may publish by the API: for a hub that only this machine can reach."""
    old_api_clients: bool = False
    """Takes the credential also as `?api_key=`, and calls whose bodies have no content type: as clients
    of older servers send them."""
    origins: Sequence[str] = ()
    """Pages of these may connect, besides those of the server's own origin."""
    require_credential: bool = False
    """Keeps clients out that neither present the credential or a good token, nor are let in by an
    `on_connect` hook."""
    tokens: TokenVerifier | None = None
    """Verifies the JSON Web Tokens of clients. Those of the plain doors come as `Authorization: Bearer
    TOKEN`, as the subprotocols `gapless.bearer, TOKEN`, or as `?token=TOKEN`."""
    anonymous: bool | None = None
    """Lets in those who present nothing. None: where no tokens are verified, and no credential is
    required."""
    anonymous_tokens: bool = True
    """Lets in those whose token is good and names no user; else they are closed with 3507."""
    insecure: bool = False
    """Lets everybody do everything. A token that is sent has to be good all the same."""
    personal_namespace: str | None = None
    """Subscribes each user to a channel of its own: `NAMESPACE:#USER`, or `#USER` with an empty one."""
    operators: Callable[[Mapping[str, Any]], bool] | None = None
    """Whom the application knows to be an operator, besides those who present `token`: called with the ASGI
    scope of a request, whose `user`, `session` and `state` are as middleware left them. It must not block."""
    weak_token: bool = False
    """Takes a `token` that can be guessed: while developing, on a machine of one's own."""

    credential: Credential | None = field(init=False, repr=False, compare=False)
    policy: OriginPolicy = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weak = self.weak_token
        credential = Credential(self.token, allow_weak=weak) if self.token is not None else None
        object.__setattr__(self, "credential", credential)
        object.__setattr__(self, "policy", OriginPolicy(self.origins))

    @property
    def lets_anonymous_in(self) -> bool:
        """`anonymous`, or what it is where nothing was said."""
        if self.anonymous is not None:
            return self.anonymous
        return self.tokens is None and not self.require_credential


class AccessSettings(TypedDict, total=False):
    """The fields of `Access` by name, where they are given one by one."""

    token: str | None
    open_api: bool
    old_api_clients: bool
    origins: Sequence[str]
    require_credential: bool
    tokens: TokenVerifier | None
    anonymous: bool | None
    anonymous_tokens: bool
    insecure: bool
    personal_namespace: str | None
    operators: Callable[[Mapping[str, Any]], bool] | None
    weak_token: bool
