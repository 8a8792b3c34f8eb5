"""`gapless token`, and a server with a configuration that lets its tokens in, or asks a back end."""

from __future__ import annotations

import base64
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ..support.commands import gapless, serving
from ..support.until import DEADLINE
from .conftest import Verb

SECRET = "8f2c1d9a4b7e6053f1a2c3d4e5b69788a0b1c2d3e4f5a6b7"
OTHER = "17b09c5e2df84a6630e9d1c2b3a4f5968778695a4b3c2d1e"

CONFIG = f"""
[client]
user_personal_channel = {{ enabled = true, namespace = "personal" }}
[client.token]
hmac_secret_key = "{SECRET}"
audience = "hub"
[channel.without_namespace]
allow_subscribe_for_client = true
allow_publish_for_client = true
[[channel.namespaces]]
name = "personal"
[[channel.namespaces]]
name = "closed"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gapless.toml"
    path.write_text(CONFIG)
    return path


def claims(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    part = token.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said


# -- the verb


def test_a_connection_token_says_who_until_when_and_what_the_server_expects(verb: Verb, file: Path) -> None:
    before = int(time.time())
    ended = verb("token", "ann", "--config", str(file), "--expires", "1h30m", "--info", '{"name": "Ann"}')
    assert (ended.code, ended.err) == (0, [])
    said = claims(ended.out[0])
    assert said.pop("exp") - said.pop("iat") == 5400
    assert said == {"sub": "ann", "aud": "hub", "info": {"name": "Ann"}}
    assert before <= claims(ended.out[0])["iat"] <= time.time()


def test_a_subscription_token_names_its_channel_and_is_signed_with_the_secret_for_those(
    verb: Verb, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = verb("token", "ann", "--channel", "closed:1", "--expires", "never", "--secret", SECRET)
    said = claims(ended.out[0])
    assert (said["channel"], "exp" in said) == ("closed:1", False)
    file.write_text(CONFIG + f'[client.subscription_token]\nenabled = true\nhmac_secret_key = "{OTHER}"\n')
    arguments = ("token", "ann", "--channel", "closed:1", "--config", str(file))
    own = verb(*arguments).out
    monkeypatch.setattr("time.time", lambda: float(claims(own[0])["iat"]))
    assert own == verb(*arguments[:4], "--secret", OTHER).out


def test_the_secret_may_come_from_the_environment_and_is_never_shown() -> None:
    ended = gapless("token", "", GAPLESS_CLIENT__TOKEN__HMAC_SECRET_KEY=SECRET)
    assert ended.returncode == 0
    assert claims(ended.stdout)["sub"] == ""
    assert SECRET not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no secret to sign with: set GAPLESS_CLIENT__TOKEN__HMAC_SECRET_KEY, or pass --config FILE"),
        (["--secret", "hunter2"], "secret has 7 bytes, at least 32 are needed"),
        (["--secret", SECRET, "--expires", "soon"], "--expires: a duration is"),
        (["--secret", SECRET, "--expires", "0s"], "--expires is above 0 seconds"),
        (["--secret", SECRET, "--expires", "900d"], "expires_in is above 0 and at most 31536000 seconds"),
        (["--secret", SECRET, "--info", "{name}"], "--info is JSON"),
        (["--secret", SECRET, "--info", "NaN"], "Out of range float values"),
        (["--secret", SECRET, "--channel", ""], "channels is a list of names"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(verb: Verb, arguments: list[str], said: str) -> None:
    ended = verb("token", "ann", *arguments)
    # Which secret there is, a file or the environment may have said.
    assert (ended.code, ended.out) == (1 if "secret" in said else 2, [])
    (line,) = ended.err
    assert line.startswith(f"gapless: {said}")
    assert "hunter2" not in line
    assert SECRET not in line


@pytest.mark.parametrize("rule", ['user_id_claim = "profile.id"', 'issuer_regex = "a.*"'])
def test_tokens_that_the_server_would_not_understand_are_not_issued(
    verb: Verb, file: Path, rule: str
) -> None:
    file.write_text(f'[client.token]\nhmac_secret_key = "{SECRET}"\n{rule}\n')
    ended = verb("token", "ann", "--config", str(file))
    assert (ended.code, ended.out) == (1, [])
    assert "with a JWT library" in ended.err[0]


# -- the server


class Talk:
    """A client of the Centrifuge protocol in JSON, command by command."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._id = 0

    async def ask(self, **command: object) -> dict[str, Any]:
        """The reply to a command; pings and pushes before it are passed over."""
        self._id += 1
        await self._connection.send(json.dumps({"id": self._id, **command}))
        while True:
            frame = await self._connection.recv()
            for line in str(frame).splitlines():
                reply: dict[str, Any] = json.loads(line)
                if reply.get("id") == self._id:
                    return reply


@asynccontextmanager
async def talking(url: str) -> AsyncIterator[Talk]:
    address = url.replace("http://", "ws://")
    with anyio.fail_after(DEADLINE):
        async with connect(f"{address}/connection/websocket", proxy=None) as connection:
            yield Talk(connection)


def code(reply: dict[str, Any]) -> int:
    return int(reply.get("error", {}).get("code", 0))


@pytest.mark.anyio
async def test_a_server_with_a_configuration_lets_in_who_has_a_token_of_its_secret(file: Path) -> None:
    token, leave, foreign = (
        gapless("token", "ann", "--config", str(file), *more).stdout.strip()
        for more in ([], ["--channel", "closed:1"], ["--secret", OTHER])
    )
    with serving("--config", str(file)) as (url, running):
        async with talking(url) as talk:
            connected = (await talk.ask(connect={"token": token}))["connect"]
            assert list(connected["subs"]) == ["personal:#ann"]
            assert connected["expires"]
            assert code(await talk.ask(subscribe={"channel": "news"})) == 0
            assert code(await talk.ask(publish={"channel": "elsewhere", "data": 1})) == 0
            assert code(await talk.ask(history={"channel": "news", "limit": 1})) == 108
            assert code(await talk.ask(subscribe={"channel": "unknown:1"})) == 102
            assert code(await talk.ask(subscribe={"channel": "closed:1"})) == 103
            assert code(await talk.ask(subscribe={"channel": "closed:1", "token": leave})) == 0
            assert code(await talk.ask(publish={"channel": "closed:1", "data": 1})) == 103
        for offered, closed in (({"token": foreign}, 3500), ({}, 3501)):
            async with talking(url) as talk:
                with pytest.raises(ConnectionClosed) as caught:
                    await talk.ask(connect=offered)
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == closed
        with pytest.raises(InvalidStatus):  # nor does the plain door let in who has nothing
            await connect(f"{url.replace('http', 'ws')}/ws", proxy=None)
        running.end(signal.SIGTERM)
        refusals = running.rest("err")  # of those that were sent away, each cause once
        assert [line.partition("(")[0] for line in refusals] == [
            "WARNING: gapless: refused: a token ",
            "WARNING: gapless: refused: a client without credential and token ",
        ]
        assert not any(token in line for line in refusals for token in (foreign, leave))


class BackEnd(BaseHTTPRequestHandler):
    """Lets in whoever brings a cookie, under its name."""

    asked: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body))
        answer: dict[str, Any] = {"result": {}}
        if self.path == "/connect":
            cookie = self.headers.get("Cookie", "")
            answer = (
                {"result": {"user": cookie}} if cookie else {"disconnect": {"code": 4501, "reason": "no"}}
            )
        elif self.path == "/rpc":
            answer = {"result": {"data": {"doubled": body["data"] * 2}}}
        elif body["channel"] == "chat:secret":
            answer = {"error": {"code": 1403, "message": "not yours"}}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
        pass


@contextmanager
def back_end() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A back end on a free port, and what it was asked."""
    asked: list[tuple[str, dict[str, Any]]] = []
    handler = type("Handler", (BackEnd,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def asking(address: str, file: Path) -> str:
    """Writes a configuration whose decisions are made at this address; gives its path."""
    file.write_text(
        f"""
        [proxy.connect]
        endpoint = "{address}/connect"
        emulated_headers = ["Cookie"]
        timeout = "5s"
        [proxy.subscribe]
        endpoint = "{address}/subscribe"
        timeout = "5s"
        [proxy.rpc]
        endpoint = "{address}/rpc"
        timeout = "5s"
        [[channel.namespaces]]
        name = "chat"
        subscribe_proxy_enabled = true
        """
    )
    return str(file)


@pytest.mark.anyio
async def test_a_back_end_decides_who_connects_subscribes_and_answers_calls(file: Path) -> None:
    with back_end() as (address, asked), serving("--config", asking(address, file)) as (url, running):
        async with talking(url) as talk:
            await talk.ask(connect={"headers": {"cookie": "ann"}, "name": "test"})
            assert code(await talk.ask(subscribe={"channel": "chat:1"})) == 0
            assert code(await talk.ask(subscribe={"channel": "chat:secret"})) == 1403
            assert code(await talk.ask(subscribe={"channel": "news"})) == 103
            assert (await talk.ask(rpc={"method": "double", "data": 21}))["rpc"]["data"] == {"doubled": 42}
        async with talking(url) as talk:
            with pytest.raises(ConnectionClosed) as caught:
                await talk.ask(connect={})
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 4501
        running.end(signal.SIGTERM)
        assert running.rest("err") == []
    assert [path for path, _ in asked] == ["/connect", "/subscribe", "/subscribe", "/rpc", "/connect"]
    assert [body["user"] for _, body in asked[1:4]] == ["ann"] * 3
