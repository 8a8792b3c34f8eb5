"""`gapless bench`: what it counts, against a real hub; no figure is judged for its speed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gapless.cli.bench.load import RECORD_BYTES, Load, Tally, Totals
from gapless.cli.bench.opening import Door, NotIn, frame

from ..support.commands import serving
from ..support.until import DEADLINE
from .conftest import Verb

MARKER = b"@00c0ffee"
SMALL = ("--clients", "5", "--seconds", "0.5")


def publication(number: int, stamp_ns: int = 0) -> bytes:
    return b'\x81\x30{"data":{"t":"%s%010d%019d"}}' % (MARKER, number, stamp_ns)


def counted(stream: bytes, published: int, *, step: int) -> Totals:
    """What is counted of a stream that arrives in pieces of `step` bytes."""
    totals = Totals()
    tally = Tally(MARKER, totals)
    for at in range(0, len(stream), step):
        data = bytearray(tally.kept + stream[at : at + step])
        tally.take(data, len(data), 10_000_000)
    tally.finish(published)
    return totals


def stream(*numbers: int) -> bytes:
    return b"".join(map(publication, numbers))


@pytest.mark.parametrize("step", [1, 7, RECORD_BYTES, 64, 10_000])
def test_each_publication_counts_once_wherever_a_read_ends(step: int) -> None:
    totals = counted(stream(*range(1, 41)), 40, step=step)
    assert (totals.deliveries, totals.missing, totals.repeated) == (40, 0, 0)
    assert totals.latencies.total() == 5


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize(
    ("numbers", "missing", "repeated"),
    [
        ((1, 2, 4, 5), 1, 0),
        ((2, 3, 4, 5), 1, 0),
        ((1, 2, 3), 2, 0),
        ((), 5, 0),
        ((1, 2, 2, 3, 4, 5), 0, 1),
        ((1, 2, 2, 4, 5), 1, 1),
        ((1, 3, 2, 4, 5), 1, 1),
    ],
)
def test_a_gap_does_not_make_up_for_a_repeat(
    numbers: tuple[int, ...], missing: int, repeated: int, step: int
) -> None:
    totals = counted(stream(*numbers), 5, step=step)
    assert (totals.deliveries, totals.missing, totals.repeated) == (len(numbers), missing, repeated)


def test_latency_is_from_the_stamp_to_the_read() -> None:
    totals = counted(
        publication(1, 8_000_000) + stream(*range(2, 9)) + publication(9, 6_000_000), 9, step=999
    )
    assert [totals.percentile(share) for share in (0.5, 1.0)] == [0.002, 0.004]
    assert Totals().percentile(0.5) is None


@pytest.mark.parametrize("door", ["ws", "centrifuge"])
def test_every_publication_is_counted_at_every_subscriber(verb: Verb, url: str, door: str) -> None:
    ended = verb("bench", *SMALL, "--url", url, "--door", door, "-o", "json")
    assert (ended.code, ended.err) == (0, [])
    figures = json.loads(ended.out[0])
    assert figures["publications"] > 0
    assert figures["deliveries"] == 5 * figures["publications"]
    assert (figures["missing"], figures["repeated"], figures["lost_connections"]) == (0, 0, 0)
    assert 0 <= figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"] <= figures["latency_ms"]["max"]
    assert kept(verb, url, figures["channel"]) == figures["publications"]


def kept(verb: Verb, url: str, channel: str) -> int:
    return len(verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow").out)


def test_a_rate_and_a_size_are_kept(verb: Verb, url: str, channel: str) -> None:
    ended = verb(
        "bench", *SMALL, "--url", url, "--rate", "40", "--size", "300", "--channel", channel, "-o", "json"
    )
    figures = json.loads(ended.out[0])
    assert (figures["publications"], figures["deliveries"]) == (20, 100)
    data = verb("tail", channel, "--url", url, "-n", "all", "-o", "raw", "--no-follow").out
    assert [len(line) for line in data] == [300] * 20


def test_the_table_says_what_happened(verb: Verb, url: str, channel: str) -> None:
    ended = verb("bench", *SMALL, "--url", url, "--rate", "20", "--channel", channel)
    assert ended.code == 0
    assert f"5 subscribers, 128 bytes, {channel} on {url}" in ended.out[0]
    assert [line.split()[:2] for line in ended.out if line.startswith(("published", "delivered"))] == [
        ["published", "10"],
        ["delivered", "50"],
    ]
    assert "0 missing, 0 repeated" in ended.out[-1]


def test_with_a_token_both_sides_need_it(verb: Verb) -> None:
    token = "b3f6a2d94c0e1758a1907fd2"
    with serving(GAPLESS_TOKEN=token) as (url, _):
        (line,) = verb("bench", *SMALL, "--url", url).err
        assert "--token or GAPLESS_TOKEN" in line
        ended = verb("bench", *SMALL, "--url", url, "--rate", "20", "--token", token, "-o", "json")
        assert json.loads(ended.out[0])["deliveries"] == 50


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "http://192.0.2.1"], "--remote"),
        (["--url", "https://127.0.0.1"], "http:// only"),
        (["--url", "http://127.0.0.1:9"], "no hub answers at http://127.0.0.1:9"),
        (["--clients", "0"], "--clients"),
        (["--seconds", "61"], "--seconds"),
        (["--size", "10"], "--size"),
        (["--door", "window"], "--door"),
    ],
)
def test_what_cannot_be_measured_is_one_line(verb: Verb, arguments: list[str], words: str) -> None:
    ended = verb("bench", *arguments)
    assert ended.code in (1, 2)
    assert ended.out == []
    (line,) = ended.err
    assert words in line


@pytest.mark.parametrize("door", ["ws", "centrifuge"])
def test_a_subscriber_that_is_refused_is_one_line(verb: Verb, url: str, door: str) -> None:
    ended = verb("bench", *SMALL, "--url", url, "--door", door, "--channel", "x" * 300)
    assert (ended.code, ended.out) == (1, [])
    (line,) = ended.err
    assert "turned away" in line
    assert "107" in line


def test_a_publication_that_is_refused_is_one_line(
    verb: Verb, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = tmp_path_factory.mktemp("bench") / "gapless.toml"
    config.write_text("[limits]\nserver_payload_bytes = 100\n")
    with serving("--config", str(config)) as (url, _):
        ended = verb("bench", *SMALL, "--url", url)
    assert (ended.code, ended.out) == (1, [])
    (line,) = ended.err
    assert "error 107" in line


LET_IN = b"HTTP/1.1 101 Switching Protocols\r\n\r\nready"


@contextmanager
def scripted(answer: bytes, *later: bytes) -> Iterator[tuple[Door, threading.Event, list[bytes]]]:
    """A server for one subscriber: the answer to its handshake, then, once the event is set, each of `later`.

    It notes what it hears after each of these, and ends.
    """
    go, heard = threading.Event(), list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connected, _ = listening.accept()
            with connected:
                connected.settimeout(DEADLINE)
                connected.recv(65536)
                connected.sendall(answer)
                for words in later:
                    go.wait(DEADLINE)
                    connected.sendall(words)
                    heard.append(connected.recv(65536))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield (
                Door("127.0.0.1", listening.getsockname()[1], b"GET / HTTP/1.1\r\n\r\n", b"", b"ready"),
                go,
                heard,
            )
        finally:
            go.set()
            thread.join(DEADLINE)


def test_a_ping_is_answered_and_a_lost_connection_is_counted() -> None:
    load = Load(MARKER)
    with scripted(LET_IN, publication(1) + b"\x89\x041234") as (door, go, heard):
        load.open(door, 1)
        go.set()
        assert load.pump(lambda: load.totals.lost == 1, DEADLINE)
    load.finish(3)
    load.close()
    assert heard == [frame(0xA, b"1234")]
    assert (load.totals.deliveries, load.totals.missing) == (1, 2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 503 Busy\r\nServer: x\r\n\r\nno room", "turned away: HTTP/1.1 503 Busy no room"),
        (b"HTTP/1.1 101 Yes\r\n\r\n\x81\x7e\x01\xff{}", "not let in: ~ {}"),
        (b'HTTP/1.1 101 Yes\r\n\r\n\x81\x20{"error":1}', 'turned away: {"error":1}'),
        (b"", "not let in: no answer came"),
    ],
)
def test_who_is_not_let_in_says_why(answer: bytes, words: str) -> None:
    load = Load(MARKER)
    with scripted(answer) as (door, _, _), pytest.raises(NotIn, match=words):
        load.open(door, 1)
    load.close()
