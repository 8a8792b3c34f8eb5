"""The server under test as its back end sees it: the HTTP API, the control endpoints, tokens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jwt


class ApiError(Exception):
    """The API answered with an error object."""

    def __init__(self, method: str, code: int, message: str) -> None:
        self.code = code
        super().__init__(f"{method}: {code} {message}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `server.py` prints when it listens."""

    host: str
    port: int
    secret: str
    key: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Backend:
    """An async context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._http = httpx.AsyncClient(base_url=settings.url, timeout=20.0)

    async def __aenter__(self) -> Backend:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._http.aclose()

    async def api(self, method: str, **params: Any) -> Any:
        """The result of an API method. Raises ApiError."""
        headers = {"x-api-key": self.settings.key}
        said = (await self._post(f"/api/{method}", params, headers)).json()
        if "error" in said:
            raise ApiError(method, said["error"]["code"], said["error"]["message"])
        return said["result"]

    async def publish(self, channel: str, data: Any, **more: Any) -> Any:
        return await self.api("publish", channel=channel, data=data, **more)

    async def publish_numbers(self, channel: str, first: int, count: int, **more: Any) -> None:
        """Publish `{"n": first}`, `{"n": first + 1}` …, stored when this returns; `pad` makes them larger."""
        await self.control("publish", channel=channel, first=first, count=count, **more)

    async def control(self, name: str, **params: Any) -> Any:
        """What a test may do to the server beside its API."""
        return (await self._post(f"/control/{name}", params, {})).json()

    async def _post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        response = await self._http.post(path, json=dict(body), headers=dict(headers))
        if response.status_code != 200:
            raise RuntimeError(f"POST {path}: {response.status_code} {response.text[:500]}")
        return response

    def token(self, user: str, *, lasts: float = 3600, secret: str | None = None, **claims: Any) -> str:
        """A signed token. `lasts` is seconds from now, negative for one that has expired."""
        body = {"sub": user, "exp": int(time.time() + lasts), **claims}
        return jwt.encode(body, secret or self.settings.secret, "HS256")
