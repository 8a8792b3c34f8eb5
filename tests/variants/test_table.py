"""The table of `docs/howto/connection-manager.md`: each row on each server, before and after its line."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..support.sockets import Client, connected, frozen, handshake, masked
from .copies import COPIES

pytestmark = pytest.mark.anyio

TABLE = Path(__file__).resolve().parent.parent.parent / "docs/howto/connection-manager.md"


@dataclass(frozen=True, slots=True)
class Script:
    """Who comes where, and who says what; after each step so many frames have come to each."""

    paths: list[str]
    steps: list[tuple[int, str, list[int]]]
    welcome: int = 0
    """Frames that each gets for coming."""


def text(**said: str) -> str:
    return json.dumps(said)


SCRIPTS = {
    "chat": Script(
        ["/ws/1", "/ws/2"],
        [(0, "hello", [2, 1]), (1, "é ☃", [1, 2]), (0, "bye", [0, 1])],
    ),
    "broadcaster": Script(
        ["/ws", "/ws", "/ws"],
        [(0, '{"n":[1,2.5,null]}', [1, 1, 1]), (2, '"text"', [1, 1, 1]), (0, "bye", [0, 1, 1])],
        welcome=1,
    ),
    "replay": Script(
        ["/ws", "/ws"],
        [
            (0, "one", [1, 1]),
            (1, "two", [1, 1]),
            (0, "bye", [0, 0]),
            (1, "three", [0, 1]),
            (2, "", [0, 0, 1]),
        ],
    ),
    "users": Script(
        ["/ws/ann", "/ws/bob", "/ws/eve"],
        [
            (0, text(text="to all"), [1, 1, 1]),
            (1, text(to="eve", text="to one"), [0, 0, 1]),
            (2, text(to="nobody", text="to nobody"), [0, 0, 0]),
            (0, "bye", [0, 0, 0]),
            (1, text(text="again"), [0, 1, 1]),
        ],
    ),
    "rooms": Script(
        ["/ws/red/ann", "/ws/red/bob", "/ws/blue/eve"],
        [(0, "hello", [1, 1, 0]), (2, "alone", [0, 0, 1]), (0, "bye", [0, 1, 0])],
    ),
    "rooms_with_json": Script(
        ["/ws", "/ws"],
        [
            (0, text(type="join", room="red"), [1, 0]),
            (1, text(type="join", room="red"), [0, 1]),
            (0, text(type="say", room="red", text="hello"), [1, 1]),
            (1, text(type="leave", room="red"), [0, 1]),
            (0, text(type="say", room="red", text="alone"), [1, 0]),
        ],
    ),
    "listener": Script(["/feed", "/feed"], [(0, "one", [1, 1]), (0, "bye", [0, 0]), (1, "two", [0, 1])]),
}


async def play(host: str, mount: str, script: Script) -> list[list[str]]:
    """The frames that each client has seen, in order."""
    async with AsyncExitStack() as stack:
        clients: list[Client] = []
        seen: list[list[str]] = []

        async def come(path: str, frames: int) -> None:
            clients.append(await stack.enter_async_context(connected(f"ws://{host}{mount}{path}")))
            seen.append([await clients[-1].text() for _ in range(frames)])

        for path in script.paths:
            await come(path, script.welcome)
        for who, said, counts in script.steps:
            if who == len(clients):
                await come(script.paths[0], counts[who])  # somebody who comes later
            elif said == "bye":
                await clients[who].connection.close()
            else:
                await clients[who].say(said)
            for frames, one, count in zip(seen, clients, counts, strict=False):
                if not (who == len(clients) - 1 and said == ""):
                    frames += [await one.text() for _ in range(count)]
        return seen


@pytest.mark.parametrize("copy", COPIES)
async def test_clients_see_the_same_before_and_after(host: str, copy: str) -> None:
    before = await play(host, f"/before/{copy}", SCRIPTS[copy])
    after = await play(host, f"/after/{copy}", SCRIPTS[copy])
    assert [[_plain(frame) for frame in frames] for frames in after] == [
        [_plain(frame) for frame in frames] for frames in before
    ]


def _plain(frame: str) -> object:
    """JSON may be spaced in more than one way."""
    try:
        return json.loads(frame)
    except ValueError:
        return frame


FROZEN = {
    "chat": ("/ws/1", "hello", 2),
    "broadcaster": ("/ws", '"hello"', 1),
    "replay": ("/ws", "hello", 1),
    "users": ("/ws/ann", text(text="hello"), 1),
    "rooms": ("/ws/red/ann", "hello", 1),
    "rooms_with_json": ("/ws", text(type="say", room="red", text="hello"), 1),
    "listener": ("/feed", "hello", 1),
}


@pytest.mark.parametrize("copy", COPIES)
async def test_after_it_a_frozen_client_holds_up_nobody(host: str, copy: str) -> None:
    """Ten megabytes, more than any kernel keeps for a client that reads nothing; the other gets all."""
    path, said, frames = FROZEN[copy]
    big = said.replace("hello", "hello" + "x" * 10_000)
    asleep = path.replace("ann", "bob").replace("/1", "/2")
    with frozen(host, handshake(host, f"/after/{copy}{asleep}")) as peer:
        assert peer.recv(12).startswith(b"HTTP/1.1 101")
        if copy == "rooms_with_json":
            peer.sendall(masked(1, text(type="join", room="red").encode()))
        async with connected(f"ws://{host}/after/{copy}{path}") as one:
            if copy == "broadcaster":
                await one.text()
            if copy == "rooms_with_json":
                await one.say(text(type="join", room="red"))
                await one.text()
            for _ in range(1000):
                await one.say(big)
                got = [await one.text() for _ in range(frames)]
                while "hello" not in got[-1]:
                    got.append(await one.text())  # history of the test before, or who left
                assert all("hello" in frame for frame in got[-frames:])
