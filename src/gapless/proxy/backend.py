"""A back end that decides, asked by HTTP: where it is, what it may be told, and what it answered.

It answers `{"result": …}`, `{"error": {"code", "message"}}` or `{"disconnect": {"code", "reason"}}`.
Any other status than 200 is error 100 unless it is mapped, and so is an answer that is none of
these or has a field of the wrong type: what cannot be understood allows nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from ..auth.claims import InvalidToken, override_of
from ..errors import ClientError, ConfigError, Disconnect, Expired, Internal
from ..model import Override, ServerSubscription
from ..protocol.encode import trimmed
from ..protocol.strict import Malformed, payload

log = logging.getLogger("gapless")

ANSWER_BYTES = 1024 * 1024
"""More is not read; the command ends with error 100."""

COMPLAINT_SECONDS = 10.0
"""A back end that is down is asked for every client, and complained of once in this time."""

_OURS = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding", "upgrade"})
"""Headers of one request, that would break another."""


@dataclass(frozen=True, slots=True)
class StatusRule:
    """What an HTTP status of the back end means: an error code, or a disconnect.

    Raises:
        ConfigError: not exactly one of the two.
    """

    status_code: int
    to_error: Mapping[str, Any] | None = None
    to_disconnect: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if (self.to_error is None) is (self.to_disconnect is None):
            raise ConfigError(f"status {self.status_code}: give either to_error or to_disconnect")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one kind of decision is made.

    `timeout` is seconds for a whole call. `http_headers` are the client's headers that are passed
    on, by name, and `emulated_headers` those that came with its connect command; no others are.
    `patterns` limits subscribe, publish and sub_refresh to channels, rpc to methods.

    Raises:
        ConfigError: a value that cannot be.
    """

    url: str
    timeout: float = 1.0
    http_headers: Sequence[str] = ()
    emulated_headers: Sequence[str] = ()
    static_http_headers: Mapping[str, str] = field(default_factory=dict)
    status_to_code_transforms: Sequence[StatusRule] = ()
    binary_encoding: bool = False
    include_connection_meta: bool = False
    patterns: Sequence[str] = ("*",)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"a proxy's endpoint is an http:// or https:// URL, not {self.url!r}")
        if self.timeout <= 0:
            raise ConfigError(f"a proxy's timeout is above 0 seconds, not {self.timeout!r}")
        for option in ("http_headers", "emulated_headers", "patterns"):
            if isinstance(value := getattr(self, option), str):
                raise ConfigError(f"{option} is a list: write [{value!r}]")
        for name in (*self.http_headers, *self.emulated_headers):
            if name.lower() in _OURS:
                raise ConfigError(f"the header {name!r} belongs to one request and cannot be passed on")

    def headers_for(self, known: Mapping[str, str], emulated: Mapping[str, str]) -> dict[bytes, bytes]:
        """The headers of a call, of a client with these. What it really sent wins over what it emulates."""
        found = {
            name.lower(): value
            for name, value in emulated.items()
            if name.lower() in map(str.lower, self.emulated_headers) and value.isprintable()
        }
        found |= {name: known[name] for name in map(str.lower, self.http_headers) if name in known}
        found |= {name.lower(): value for name, value in self.static_http_headers.items()}
        found["content-type"] = "application/json"
        return {name.encode("latin-1"): value.encode("latin-1", "replace") for name, value in found.items()}


class Answer:
    """The `result` that a back end gave. Whatever reads it raises Internal for the wrong type."""

    def __init__(self, fields: Mapping[str, Any], broken: Callable[[str], Internal]) -> None:
        self._fields = fields
        self._broken = broken

    def get(self, name: str, kind: type[Any]) -> Any:
        """A field; absent or null, the empty value of its kind."""
        value = self._fields.get(name)
        if value is None:
            return kind()
        if type(value) is not kind:
            raise self._broken(f"gave {name} that is no {kind.__name__}")
        return value

    def names(self, name: str) -> list[str]:
        """A list of channel names in the answer, empty without one."""
        found: list[str] = self.get(name, list)
        if not all(isinstance(each, str) for each in found):
            raise self._broken(f"gave {name} that are no texts")
        return found

    def within(self, name: str) -> Answer:
        """The fields of a field that is an object."""
        return Answer(self.get(name, dict), self._broken)

    def json(self, name: str, base64_name: str) -> bytes | None:
        """A payload as one line of JSON, from base64 where that is given; None: neither is."""
        encoded = self.get(base64_name, str)
        if not encoded:
            value = self._fields.get(name)
            return None if value is None else trimmed(orjson.dumps(value))
        try:
            return payload(base64.b64decode(encoded, validate=True))
        except (binascii.Error, Malformed) as error:
            raise self._broken(f"gave {base64_name} that is no base64 of JSON") from error

    def fragment(self, name: str, base64_name: str) -> orjson.Fragment | None:
        """As `json`, for what is encoded later."""
        raw = self.json(name, base64_name)
        return None if raw is None else orjson.Fragment(raw)

    def tags(self) -> dict[str, str] | None:
        """Tags by name, or None."""
        found: dict[str, str] = self.get("tags", dict)
        if not all(isinstance(value, str) for value in found.values()):
            raise self._broken("gave tags that are no texts")
        return found or None

    def expiry(self) -> float | None:
        """Unix seconds, None for never. Raises Expired where it says so."""
        if self.get("expired", bool):
            raise Expired
        value = self._fields.get("expire_at") or 0
        if type(value) not in (int, float):
            raise self._broken("gave expire_at that is no number")
        return float(value) if value > 0 else None

    def override(self) -> Override:
        """What it replaces of a channel's options."""
        try:
            return override_of(self._fields)
        except InvalidToken as error:
            raise self._broken("gave an override that is none") from error

    def subscriptions(self) -> dict[str, ServerSubscription]:
        """What `subs` says, by channel."""
        subs = self.within("subs")
        return {channel: subs.within(channel).subscription() for channel in subs._fields}

    def subscription(self) -> ServerSubscription:
        """One server-side subscription."""
        return ServerSubscription(
            self.json("info", "b64info"), self.json("data", "b64data"), self.override(), self.expiry()
        )


class Backend:
    """Asks endpoints over shared connections; `close` gives these back."""

    def __init__(self, http: httpx.AsyncClient | None = None) -> None:
        self._http = http or httpx.AsyncClient(follow_redirects=False)
        self._complained: dict[str, float] = {}

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def ask(
        self, endpoint: Endpoint, body: Mapping[str, Any], headers: Mapping[bytes, bytes]
    ) -> Answer | None:
        """The back end's `result`, None when it gave none of the three.

        Raises:
            ClientError: it said `error`, or could not be asked or understood (100).
            Disconnect: it said `disconnect`.
        """

        def broken(what: str) -> Internal:
            return self._broken(endpoint, what)

        status, content = await self._post(endpoint, orjson.dumps(body), headers)
        if status != 200:
            raise _by_status(endpoint, status) or broken(f"answered with the status {status}")
        try:
            said = orjson.loads(content)
        except orjson.JSONDecodeError:
            said = None
        if not isinstance(said, dict):
            raise broken("answered something else than a JSON object")
        if (refusal := said.get("disconnect")) is not None:
            raise _disconnect(refusal)
        if (refusal := said.get("error")) is not None:
            raise _error(refusal)
        if (result := said.get("result")) is None:
            return None
        if not isinstance(result, dict):
            raise broken("gave a result that is no object")
        return Answer(result, broken)

    async def result(
        self, endpoint: Endpoint, body: Mapping[str, Any], headers: Mapping[bytes, bytes]
    ) -> Answer:
        """As `ask`, where an answer without a result is no answer."""
        answer = await self.ask(endpoint, body, headers)
        if answer is None:
            raise self._broken(endpoint, "answered without result, error and disconnect")
        return answer

    async def _post(
        self, endpoint: Endpoint, body: bytes, headers: Mapping[bytes, bytes]
    ) -> tuple[int, bytes]:
        content = bytearray()
        try:
            # httpx counts from byte to byte: who sends one now and then would never be late.
            async with (
                asyncio.timeout(endpoint.timeout),
                self._http.stream(
                    "POST", endpoint.url, content=body, headers=headers, timeout=endpoint.timeout
                ) as response,
            ):
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > ANSWER_BYTES:
                        raise self._broken(endpoint, f"answered more than {ANSWER_BYTES} bytes")
        except TimeoutError as error:
            raise self._broken(endpoint, f"did not answer within {endpoint.timeout} seconds") from error
        except httpx.HTTPError as error:
            raise self._broken(endpoint, f"cannot be asked: {type(error).__name__}") from error
        return response.status_code, bytes(content)

    def _broken(self, endpoint: Endpoint, what: str) -> Internal:
        now = time.monotonic()
        if now >= self._complained.get(endpoint.url, 0.0):
            self._complained[endpoint.url] = now + COMPLAINT_SECONDS
            log.warning("the back end at %s %s", endpoint.url, what)
        return Internal()


def _by_status(endpoint: Endpoint, status: int) -> ClientError | Disconnect | None:
    for rule in endpoint.status_to_code_transforms:
        if rule.status_code == status:
            return _error(rule.to_error) if rule.to_disconnect is None else _disconnect(rule.to_disconnect)
    return None


def _error(said: Any) -> ClientError:
    said = said if isinstance(said, Mapping) else {}
    code, message = said.get("code"), said.get("message")
    if type(code) is not int or not 0 < code < 2000:
        return Internal()
    text = message if isinstance(message, str) and message else "refused"
    return ClientError(text, code=code, temporary=said.get("temporary") is True)


def _disconnect(said: Any) -> Disconnect:
    said = said if isinstance(said, Mapping) else {}
    code, reason = said.get("code"), said.get("reason")
    if type(code) is not int or not 3000 <= code <= 4999:
        return Disconnect(3004)
    return Disconnect(code, reason if isinstance(reason, str) else None)
