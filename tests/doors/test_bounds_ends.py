"""Bounds whose end is the connection's, at the limit and one past it, on every door that has them.

The table that says which these are is checked in test_bounds.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapless import ChannelOptions, Hub, Limits
from gapless.core.bounds import Where

from ..support.serving import FAST_PATH, PLAIN_ASGI, Doors, doors
from ..support.sockets import handshake, masked
from ..support.until import DEADLINE, until
from ..support.voices import SOCKETS, STREAMS, Closed, Speak, Voice

pytestmark = pytest.mark.anyio

CHANNELS = {"*": ChannelOptions(history=100, client_publish=True, outside_publish=True)}

STRICT = ChannelOptions(client_publish=True, outside_publish=True, any_bytes=False)

VOICES: dict[str, tuple[Speak, str]] = {
    **{
        f"{name}-{protocol}": (speak, ws)
        for name, speak in SOCKETS.items()
        for protocol, ws in (("asgi", PLAIN_ASGI), ("fast", FAST_PATH))
    },
    **{name: (speak, PLAIN_ASGI) for name, speak in STREAMS.items()},
}
CENTRIFUGE = [voice for voice in VOICES if not voice.startswith(("ws-", "sse-commands"))]

TRIED = {
    ("json_containers", Where.COMMANDS),
    ("rejected_commands", Where.COMMANDS),
    ("commands_per_frame", Where.CENTRIFUGE),
    ("pong_timeout", Where.CENTRIFUGE),
    ("connect_timeout", Where.CENTRIFUGE_SOCKETS),
    ("inbound_bytes", Where.FAST),
    ("inbound_bytes", Where.POSTS),
}


TOO_LONG = "x" * 256


async def ended(client: Voice) -> int:
    """The code that it is closed with; what comes before is let go."""
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                await client.hear()
    except Closed as closed:
        return closed.code


@pytest.mark.parametrize("voice", VOICES)
async def test_so_many_commands_may_be_rejected_and_one_more_is_the_end(voice: str) -> None:
    speak, ws = VOICES[voice]
    async with doors(CHANNELS, limits=Limits(rejected_commands=3), ws=ws) as here:
        async with speak(here) as client:
            for _ in range(3):
                assert await client.do("subscribe", channel=TOO_LONG) == 107
            assert await client.do("unsubscribe", channel="c") == 0, "it goes on"
            assert here.hub.counters.bad_protocol == 0
            await client.say(client.command(99, "subscribe", {"channel": TOO_LONG}))
            assert await ended(client) == 3013
        await here.settled()
        assert here.hub.counters.bad_protocol == 1


@pytest.mark.parametrize("voice", CENTRIFUGE)
async def test_a_frame_holds_so_many_commands_and_one_more_is_the_end(voice: str) -> None:
    speak, ws = VOICES[voice]
    async with doors(CHANNELS, limits=Limits(commands_per_frame=3), ws=ws) as here:
        async with speak(here) as client:
            commands = [client.command(number, "unsubscribe", {"channel": "c"}) for number in range(10, 14)]
            await client.say_together(*commands[:3])
            assert [(await client.hear())["id"] for _ in range(3)] == [10, 11, 12]
            assert here.hub.counters.bad_protocol == 0
            await client.say_together(*commands)
            assert await ended(client) == 3501
        await here.settled()
        assert here.hub.counters.bad_protocol == 1


@pytest.mark.parametrize("voice", VOICES)
async def test_a_message_holds_so_many_objects_and_arrays_and_one_with_more_is_not_read(voice: str) -> None:
    speak, ws = VOICES[voice]
    limits = Limits(json_containers=200)
    async with doors({"*": CHANNELS["*"], "strict": STRICT}, limits=limits, ws=ws) as here:
        for containers, code in ((180, 0), (220, 107)):
            async with speak(here) as client:
                # One is around them all, and up to two are the command's.
                command = client.command(
                    77, "publish", {"channel": "strict", "data": [[]] * (containers - 1)}
                )
                if code and voice in CENTRIFUGE and "protobuf" not in voice:
                    await client.say(command)
                    assert await ended(client) == 3501
                    continue
                assert await client.do("publish", channel="strict", data=[[]] * (containers - 1)) == code
                assert await client.do("unsubscribe", channel="c") == 0, "it goes on"
        await here.settled()
        assert here.hub.counters.client_errors + here.hub.counters.bad_protocol == 1


@pytest.mark.parametrize("voice", CENTRIFUGE)
async def test_who_answers_pings_stays_and_who_does_not_is_told(voice: str) -> None:
    speak, ws = VOICES[voice]
    limits = Limits(ping_interval=0.2, pong_timeout=0.15, housekeeping=0.01)
    async with doors(CHANNELS, limits=limits, ws=ws) as here:
        async with speak(here) as client:
            assert await ended(client) == 3012
        await until(lambda: here.hub.counters.no_pong == 1)
        await here.settled()
    patient = Limits(ping_interval=DEADLINE / 2, pong_timeout=DEADLINE / 3, housekeeping=0.01)
    async with doors(CHANNELS, limits=patient, ws=ws) as here, speak(here) as client:
        assert await client.do("unsubscribe", channel="c") == 0
        assert here.hub.counters.no_pong == 0


@pytest.mark.parametrize("ws", [PLAIN_ASGI, FAST_PATH], ids=["asgi", "fast"])
@pytest.mark.parametrize(
    "path",
    ["/connection/websocket", "/connection/websocket?format=protobuf", "/connection/uni_websocket"],
)
async def test_who_says_nothing_is_told(path: str, ws: str) -> None:
    async with doors(CHANNELS, limits=Limits(connect_timeout=0.05, housekeeping=0.01), ws=ws) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.address.port)
        writer.write(handshake(here.address.host, path))
        async with asyncio.timeout(DEADLINE):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
            first = 0x81
            while first != 0x88:  # one door says it in a message as well
                first, size = await reader.readexactly(2)
                said = await reader.readexactly(size)
        assert int.from_bytes(said[:2]) == 3502
        writer.write(masked(8, said))
        await here.settled()
        assert here.hub.counters.no_connect == 1
        writer.close()


class Held:
    """A hub whose first publication by a client waits until it may go on."""

    def __init__(self, limits: Limits) -> None:
        self.hub = Hub(channels=CHANNELS, limits=limits)
        self.go_on = asyncio.Event()
        self.hub.on_publish(self._wait)

    async def _wait(self, event: Any) -> None:
        await self.go_on.wait()


LARGE = "x" * 4000
"""Of a message of between 4100 and 4180 bytes, what it costs to keep one included."""


@pytest.mark.parametrize("name", SOCKETS)
async def test_so_much_of_one_client_may_wait_and_then_its_reading_does(name: str) -> None:
    held = Held(Limits(inbound_bytes=8800))
    async with doors(hub=held.hub, ws=FAST_PATH) as here, SOCKETS[name](here) as client:
        for number in range(3):  # the first is handled, and two wait
            await client.say(client.command(100 + number, "publish", {"channel": "c", "data": LARGE}))
            await until(lambda number=number: waiting(here) >= 4000 * number)  # type: ignore[misc]
        assert here.hub.counters.inbound_waits == 0
        for number in range(3, 5):
            await client.say(client.command(100 + number, "publish", {"channel": "c", "data": LARGE}))
        await until(lambda: here.hub.counters.inbound_waits == 1)
        assert waiting(here) < 4 * 4200
        held.go_on.set()
        assert [(await client.hear())["id"] for _ in range(5)] == list(range(100, 105))


@pytest.mark.parametrize("name", STREAMS)
async def test_so_much_may_be_posted_and_wait_and_more_is_the_end(name: str) -> None:
    held = Held(Limits(inbound_bytes=8800))
    async with doors(hub=held.hub) as here:
        async with STREAMS[name](here) as client:
            for number in range(4):
                await client.say(client.command(100 + number, "publish", {"channel": "c", "data": LARGE}))
            assert here.hub.counters.inbound_full == 0
            await client.say(client.command(104, "publish", {"channel": "c", "data": LARGE}))
            assert here.hub.counters.inbound_full == 1
            assert await ended(client) == 3013
        held.go_on.set()
        await here.settled()
        await until(lambda: waiting(here) == 0)


def waiting(here: Doors) -> int:
    return here.hub.node.inbound.used
