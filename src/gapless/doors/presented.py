"""The token of a client that says who it is by its request: where it may stand."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Scope

from .request import Request

BEARER_SUBPROTOCOL = "gapless.bearer"
"""Offered with the token behind it: all that a page can add to the handshake of a WebSocket."""

TOKEN_PARAMETER = "token"  # noqa: S105 - its name


def presented_token(scope: Scope, request: Request) -> str:
    """What the client presents, "" for nothing: by subprotocol, else by query, else `Authorization: Bearer`.

    The nearest to us first: a header may be meant for whatever stands before the hub.
    """
    return bearer_offered(scope) or _in_query(request) or _in_header(request)


def by_header(scope: Scope, request: Request) -> bool:
    """Did what `presented_token` found stand in a header of its own?"""
    return not bearer_offered(scope) and not _in_query(request)


def presented_key(request: Request) -> str:
    """A key in the headers of the server's own credential, "" for none."""
    scheme, _, key = request.headers.get("authorization", "").strip().partition(" ")
    return request.headers.get("x-api-key", "").strip() or (key.strip() if scheme.lower() == "apikey" else "")


def bearer_offered(scope: Scope) -> str:
    """The token that stands behind `gapless.bearer` among the subprotocols."""
    offered: Sequence[str] = list(scope.get("subprotocols") or ())
    if BEARER_SUBPROTOCOL not in offered:
        return ""
    behind = offered[offered.index(BEARER_SUBPROTOCOL) + 1 :]
    return behind[0] if behind else ""


def bearer_subprotocol(scope: Scope) -> str | None:
    """What to select: a browser closes a connection whose subprotocols nobody took up."""
    return BEARER_SUBPROTOCOL if BEARER_SUBPROTOCOL in (scope.get("subprotocols") or ()) else None


def _in_query(request: Request) -> str:
    return dict(request.query).get(TOKEN_PARAMETER, "")


def _in_header(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
