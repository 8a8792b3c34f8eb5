"""The drop-in, `Rooms` and `NeverWait` on each server: who freezes, who comes late, the last word."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from ..support.sockets import Client, Listening, connected, drain, frozen, handshake, masked
from ..support.until import DEADLINE, until
from .copies import LARGE, LARGE_BYTES

pytestmark = pytest.mark.anyio

PATHS = {"replay": "/soon/replay/ws", "rooms": "/soon/rooms/kept/red", "listener": "/soon/listener/feed"}
"""The drop-in, `Rooms`, and the middleware before a class of another name."""

CLOSED_SLOW = b"\x88\x06" + (3008).to_bytes(2) + b"slow"
CLOSED_WITHOUT_REASON = b"\x88\x02" + (3008).to_bytes(2)
"""daphne sends no reason."""

MESSAGES = 4000
GUESTS = 300
STAYS = 200
ENOUGH = 1000
"""How many messages a guest stays for, and how many bytes it has heard then."""

AHEAD = 100
"""How many messages may be said and not heard yet."""


@pytest.mark.parametrize("kind", PATHS)
async def test_who_freezes_holds_up_nobody_and_is_closed_when_it_thaws(host: str, kind: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://{host}", timeout=DEADLINE, trust_env=False) as look:

        async def numbers() -> dict[str, int]:
            found: dict[str, int] = (await look.get(f"/numbers/{kind}")).json()
            return found

        before = await numbers()
        with frozen(host, handshake(host, PATHS[kind])) as peer:
            port = peer.getsockname()[1]
            async with connected(f"ws://{host}{PATHS[kind]}") as one:
                while (await numbers())["there"] < before["there"] + 2:
                    await asyncio.sleep(0.01)
                for n in range(4000):  # ten megabytes; what is kept of them stays below daphne's bound
                    await one.say(f"{n}:" + "x" * 2_500)
                    while f"{n}:" not in await one.text():
                        pass  # what is kept of what came before
                while (await numbers())["stalled"] == before["stalled"]:
                    await asyncio.sleep(0.05)
                await one.say("and on it goes")
                assert "and on it goes" in await one.text()
                assert (await look.get(f"/holds/{port}")).json() is True

                ends = (CLOSED_SLOW, CLOSED_WITHOUT_REASON)
                seen = await drain(peer, lambda tail: tail.endswith(ends))
                assert seen.endswith(ends)
                assert seen.count(b"and on it goes") == 0, "what was sent to it since is dropped"
                try:
                    peer.sendall(masked(8, (3008).to_bytes(2)))
                except OSError:
                    pass  # the server is gone already
                while (await look.get(f"/holds/{port}")).json():
                    await asyncio.sleep(0.01)
                while (await numbers())["there"] > before["there"] + 1:
                    await asyncio.sleep(0.01)


class Guest(Listening):
    """Comes, listens for a while, and goes."""

    came_at = 0

    @property
    def heard(self) -> int:
        return len(self._data)


@pytest.mark.parametrize("kind", PATHS)
async def test_who_comes_in_the_middle_misses_and_repeats_nothing(host: str, kind: str) -> None:
    """Each has what is kept, where something is kept, and behind it one message after the other."""
    path = PATHS[kind].replace("red", "guests")
    guests: list[Guest] = []
    coming = set[asyncio.Task[None]]()

    async def come(number: int) -> None:
        name, _, port = host.rpartition(":")
        _, guest = await asyncio.get_running_loop().create_connection(
            lambda: Guest(handshake(host, path)), name, int(port)
        )
        guest.came_at = number
        guests.append(guest)

    async with connected(f"ws://{host}{path}") as one:
        heard: list[int] = []
        hearing = asyncio.create_task(_hear(one, kind, heard))
        for number in range(MESSAGES):
            if number % (MESSAGES // GUESTS) == 0:
                task = asyncio.create_task(come(number))
                coming.add(task)
                task.add_done_callback(coming.discard)
            await one.say(str(number))
            # Not far ahead of the server: the guests knock at it meanwhile, and come when it has time.
            await until(lambda sent=number: sent - (heard[-1] if heard else 0) <= AHEAD)  # type: ignore[misc]
            if number % 20 == 0:
                await asyncio.sleep(0)
                for guest in guests:
                    if number - guest.came_at > STAYS and guest.heard > ENOUGH:
                        guest.transport.close()
        await hearing
        await asyncio.gather(*coming)
        await until(lambda: all(guest.heard > ENOUGH or guest.has(b"3999") for guest in guests))
    assert heard == list(range(MESSAGES))
    assert len(guests) >= GUESTS
    middle = 0
    for guest in guests:
        numbers = [number for text in guest.texts() for number in _numbers(kind, text)]
        guest.transport.close()
        if not numbers:
            continue  # it left before there was a message: what was kept for it was of somebody else
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        middle += numbers[0] > 0 or numbers[-1] < MESSAGES - 1
    assert middle > GUESTS // 2, "it was about those who come in the middle"


async def _hear(one: Client, kind: str, heard: list[int]) -> None:
    while not heard or heard[-1] < MESSAGES - 1:
        heard += [number for number in _numbers(kind, await one.text()) if not heard or number > heard[-1]]


def _numbers(kind: str, text: str) -> list[int]:
    if kind != "replay":
        return [int(text)]
    if not text.startswith('{"channel":"app:history"'):
        return [int(text[text.rindex(":") + 2 : -2])]
    message: dict[str, Any] = json.loads(text)
    return [int(entry["data"]) for entry in message["data"] if entry["data"].isdecimal()]


@pytest.mark.parametrize("kind", PATHS)
async def test_the_last_word_goes_out_behind_all_that_came_before_it(host: str, kind: str) -> None:
    """A socket that is full, a message of all, one of the endpoint's own, the last one, and the end."""
    async with connected(f"ws://{host}/soon/{kind}/last", max_queue=1) as one:
        for _ in range(LARGE):
            first = await one.text()
            while len(first) < LARGE_BYTES or "app:history" in first:
                first = await one.text()
        assert await one.text() == "in between"
        assert "the last word" in await one.text()
        assert await one.closed() == (1000, "")
