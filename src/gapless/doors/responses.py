"""Short answers, CORS, and the end of a request, for the doors that are raw ASGI."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Receive, Send

from .guard import Guard, Request


def cors(guard: Guard, request: Request) -> list[tuple[bytes, bytes]]:
    """For a page of an origin that was allowed. Credentials never go with `*`."""
    headers = [(b"vary", b"Origin")]
    if not request.origins:
        return headers
    headers.append((b"access-control-allow-origin", request.origins[0].encode("latin-1")))
    if not guard.policy.allows_any:
        headers.append((b"access-control-allow-credentials", b"true"))
    return headers


def preflight(request: Request) -> list[tuple[bytes, bytes]]:
    asked = request.headers.get("access-control-request-headers", "content-type")
    return [
        (b"access-control-allow-headers", asked.encode("latin-1")),
        (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
        (b"access-control-max-age", b"300"),
    ]


async def answer(send: Send, status: int, reason: str, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    start = [(b"content-type", b"text/plain; charset=utf-8"), *headers]
    if status == 503:
        start.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": reason.encode()})


async def until_left(receive: Receive) -> None:
    """Return when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
