"""A hub elsewhere: its addresses, the credential for it, and what its HTTP API answers."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import orjson

from ..errors import ConfigError, GaplessError

if TYPE_CHECKING:
    import httpx  # comes with the `server` extra; publishing does without

TIMEOUT_SECONDS = 10.0


class Unreachable(GaplessError):
    """Nothing answers there, or only to say that it cannot now. Trying again later may help."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        """Seconds that the server asked to wait."""
        super().__init__(message)


class NobodyThere(Unreachable):
    """No connection was made at all, so nothing was done."""


class Refused(GaplessError):
    """The hub will not do this; the same again meets the same."""


class NotTheHub(Refused):
    """The address or the credential is wrong: everything else sent there would be refused too."""


class Remote(NamedTuple):
    """Where a hub is, and the credential for it, if it needs one."""

    url: str
    token: str | None = None

    @classmethod
    def parse(cls, url: str, token: str | None = None) -> Remote:
        """Raises ConfigError when the address is not one."""
        parts = urlsplit(url if "//" in url else f"http://{url}")
        try:
            _ = parts.port
        except ValueError:
            raise ConfigError(f"{url!r} has a port that is not a number below 65536") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{url!r} is not the address of a hub; write it as http://HOST:PORT")
        return cls(
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}", token or None
        )

    @property
    def headers(self) -> dict[str, str]:
        """Those that carry the credential."""
        return {} if self.token is None else {"X-API-Key": self.token}

    @property
    def loopback(self) -> bool:
        """Is it on this machine? Then no proxy of the environment can lead there."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    def websocket(self, query: list[tuple[str, str]]) -> str:
        """The address of the plain WebSocket door."""
        scheme, rest = self.url.split("://", 1)
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws?{urlencode(query, quote_via=quote)}"

    def client(self) -> httpx.AsyncClient:
        """An HTTP client for `call`; close it."""
        import httpx

        return httpx.AsyncClient(
            headers={"Content-Type": "application/json", **self.headers},
            timeout=TIMEOUT_SECONDS,
            trust_env=not self.loopback,
            # Reading all roots there are takes 20 ms; in the clear on this machine there is nobody to verify.
            verify=not self.loopback or self.url.startswith("https:"),
        )

    async def call(self, client: httpx.AsyncClient, method: str, body: bytes) -> dict[str, Any]:
        """Call a method of the API; gives its result.

        Raises:
            Unreachable: no answer, or one that says to come back later. Whether it was done is unknown.
            Refused: it was not done, and will not be.
        """
        match await self._post(client, method, body):
            case {"result": dict(result)}:
                return result
            case {"error": dict(error)}:
                raise self._problem(error)
            case _:
                raise self.not_a_hub(200)

    async def _post(self, client: httpx.AsyncClient, method: str, body: bytes) -> object:
        """The answer's JSON, None where it is none."""
        import httpx

        try:
            response = await client.post(f"{self.url}/api/{method}", content=body)
        except httpx.ConnectError:
            raise self.nobody() from None
        except httpx.TransportError as error:
            raise self.unreachable(error) from None
        except httpx.InvalidURL as error:
            raise ConfigError(f"{self.url}: {error}") from None
        self.check(response.status_code, response.content, response.headers)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            return None

    def check(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Whatever is not 200. Raises NotTheHub, Unreachable or Refused."""
        if status in (401, 403):
            raise self.no_entry()
        if status in (404, 405) or 300 <= status < 400:
            raise self.not_a_hub(status)
        if status in (408, 425, 429) or status >= 500:
            said = f"{self.url} answers {status}: {_text(body)}"
            raise Unreachable(said, _seconds(headers.get("Retry-After")))
        if status != 200:
            raise Refused(f"refused with {status}: {_text(body)}")

    def _problem(self, error: Mapping[str, object]) -> Unreachable | Refused:
        """An error of the API: temporary is only 100."""
        code, message = error.get("code"), _text(str(error.get("message", "")).encode())
        if code == 100:
            return Unreachable(f"{self.url}: {message}")
        return Refused(f"error {code}: {message}")

    def unreachable(self, error: Exception) -> Unreachable:
        """What a failed attempt to connect, or a connection that broke, comes to."""
        if isinstance(error, ConnectionRefusedError | socket.gaierror):
            return self.nobody()
        return Unreachable(f"{self.url}: {str(error) or type(error).__name__}")

    def nobody(self) -> NobodyThere:
        """The error for an address where nothing listens."""
        return NobodyThere(f"no hub answers at {self.url}; start one with `gapless serve`")

    def no_entry(self) -> NotTheHub:
        """The error for a hub that does not let us in."""
        if self.token is None:
            return NotTheHub(f"{self.url} wants a credential; give it as --token or GAPLESS_TOKEN")
        return NotTheHub(f"{self.url} does not accept this credential; check --token or GAPLESS_TOKEN")

    def not_a_hub(self, status: int) -> NotTheHub:
        """The error for an answer that no hub gives."""
        where = "its address, with the path it is mounted at"
        return NotTheHub(f"{self.url} answers {status}, not as a hub; give {where}, as --url")


def _text(body: bytes) -> str:
    """What a server said, short and in one line."""
    return " ".join(body[:200].decode(errors="replace").split()) or "nothing more was said"


def _seconds(value: str | None) -> float | None:
    """Retry-After as seconds, at most a minute; a date, which the field also allows, is not read."""
    return min(float(value), 60.0) if value is not None and value.isascii() and value.isdigit() else None
