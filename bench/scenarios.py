"""What is measured: each scenario drives one fresh server and adds its samples to the sheet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import orjson

from . import peers
from .child import Peer, wait_for
from .http_load import HttpLoad, Post
from .machine import cpu_ns, kernel_bytes, open_files, rss_bytes
from .message import message
from .run import Flow, Run
from .servers.http_in import TOKEN
from .sheet import Row, Sheet

MISSED = 100
"""Publications that each client missed before the reconnect storm."""

BROADCAST_SIZES = (1, 20, 100, 1_000)

FROZEN_FILL = 400
"""Broadcasts of 16 KiB, more than the kernel keeps for a client that reads nothing."""

CONNECTIONS = 16
ROWS = 500
"""Of a request, as `gapless pipe` sends them."""

_FIRST = 100  # clients connected before memory is first read: what the server needs once is then there
_WARM_UP = 0.3
_SEND_BUFFER = 65_536


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    rounds: int = 3
    seconds: float = 2.0
    """Of each measurement."""
    sizes: tuple[int, ...] = (100, 1_000, 10_000)
    """Clients of the fan-out."""
    middle: int = 1_000
    """Clients of latency, bad clients and publishing."""
    most: int = 10_000
    """Clients of memory, storm and channels."""
    latency: bool = True


Start = Callable[..., AbstractContextManager[Run]]


@dataclass(frozen=True, slots=True)
class Context:
    """What a scenario is given: whom to measure, how much, how to start a server, where figures go."""

    peer: Peer
    scale: Scale
    sheet: Sheet
    start: Start

    def add(self, row: Row, sample: float) -> None:
        self.sheet.add(self.peer.name, row, sample)

    def checked(self, flow: Flow, what: str) -> Flow:
        """Note what a reader must know of how a figure came about."""
        who = f"{self.peer.label}, {what}"
        self.sheet.disturbance.append(flow.foreign_cpu)
        if not flow.complete:
            self.sheet.note(who, f"{flow.deliveries:,} of {flow.expected:,} deliveries arrived")
        if flow.load_cpu > 0.95 and flow.server_cpu < 0.85:
            self.sheet.note(who, "the load generator was busier than the server and may be the limit")
        return flow


def publishing(context: Context) -> None:
    """Publishes per second with nobody and with one client."""
    scale = context.scale
    depths = _depths(context.peer)
    with context.start() as run:
        for clients in (0, 1):
            if clients:
                run.connect(clients)
            for depth in depths:
                run.flow(_WARM_UP, depth=depth)
                flow = run.flow(scale.seconds / 2, depth=depth)
                context.checked(flow, f"publishing to {clients} clients")
                row = Row(
                    f"publish.{clients}.{depth}", 0, f"{_clients(clients)}, {_awaited(depth)}", "publishes/s"
                )
                context.add(row, flow.publications_per_second)


def fan_out(context: Context) -> None:
    """Deliveries per second to more and more clients: one publication at a time, and under pressure."""
    scale = context.scale
    with context.start() as run:
        for clients in scale.sizes:
            run.connect(clients - run.load.clients)
            if context.peer.name != peers.BARE_10.name:  # which is another peer only when it may send ahead
                run.flow(_WARM_UP, window=1)
                rate = _one_at_a_time(context, run, clients)
                if scale.latency and clients == scale.middle:
                    _latencies(context, run, rate, "latency", 3)
            _under_pressure(context, run, clients)


def _one_at_a_time(context: Context, run: Run, clients: int) -> float:
    flow = context.checked(run.flow(context.scale.seconds, window=1), f"fan-out to {_count(clients)}")
    label = _clients(clients)
    context.add(Row(f"fan_out.{clients}.rate", 1, label, "deliveries/s"), flow.deliveries_per_second)
    cpu = Row(f"fan_out.{clients}.cpu", 1, f"{label}, server CPU", "µs/delivery", "less")
    context.add(cpu, flow.cpu_us_per_delivery)
    context.add(Row(f"fan_out.{clients}.busy", 1, f"{label}, server busy", "%"), 100 * flow.server_cpu)
    generator = Row(f"fan_out.{clients}.generator", 1, f"{label}, generator busy", "%", "less")
    context.add(generator, 100 * flow.load_cpu)
    return flow.deliveries_per_second


def _under_pressure(context: Context, run: Run, clients: int) -> None:
    label = _clients(clients)
    for depth in _depths(context.peer):
        run.flow(_WARM_UP, depth=depth)
        flow = run.flow(context.scale.seconds, depth=depth)
        context.checked(flow, f"pressure on {_count(clients)}")
        what = f"{label}, {_awaited(depth)}"
        rate = Row(f"pressure.{clients}.{depth}.rate", 2, what, "deliveries/s")
        context.add(rate, flow.deliveries_per_second)
        generator = Row(f"pressure.{clients}.{depth}.generator", 2, f"{what}, generator busy", "%", "less")
        context.add(generator, 100 * flow.load_cpu)


def _latencies(context: Context, run: Run, rate: float, key: str, section: int) -> None:
    for percent in (25, 50, 75):
        per_second = max(0.5, rate * percent / 100 / run.load.clients)
        latency, flow = run.paced(per_second, max(context.scale.seconds, 3 / per_second))
        what = f"at {percent} %"
        context.checked(flow, f"latency {what}")
        for name, value in (("p50", latency.p50), ("p99", latency.p99), ("max", latency.worst)):
            context.add(
                Row(f"{key}.{percent}.{name}", section, f"{what} of its rate, {name}", "ms", "less"), value
            )


def channels(context: Context) -> None:
    """Many channels with few subscribers each: publications go to all of them in turn."""
    most = context.scale.most
    for count, subscribers in ((most, 1), (most // 10, 10)):
        with context.start() as run:
            run.connect(most, channels=count)
            depths = _depths(context.peer)
            for depth in depths:
                run.flow(_WARM_UP, channels=count, depth=depth)
                what = f"{_count(count)} channels × {subscribers}"
                flow = context.checked(run.flow(context.scale.seconds, channels=count, depth=depth), what)
                row = Row(f"channels.{count}.{depth}", 4, f"{what}, {_awaited(depth)}", "publishes/s")
                context.add(row, flow.publications_per_second)


def connections(context: Context) -> None:
    """What an idle connection costs, how fast they come, and how fast all are back after a cut."""
    most = context.scale.most
    with context.start(history=1000) as run:
        run.connect(_FIRST)
        run.server.ask("collect")
        rss, kernel = rss_bytes(run.server.pid), kernel_bytes()
        more = most - _FIRST
        before = cpu_ns(run.server.pid)
        seconds = run.connect(more)
        cpu_us = (cpu_ns(run.server.pid) - before) / 1e3 / more
        run.server.ask("collect")
        label = f"{_count(most)} connections"
        server = Row("memory.server", 5, f"{label}, server RSS", "KiB each", "less")
        context.add(server, (rss_bytes(run.server.pid) - rss) / 1024 / more)
        both = Row("memory.kernel", 5, f"{label}, kernel, both ends", "KiB each", "less")
        context.add(both, (kernel_bytes() - kernel) / 1024 / more)
        context.add(Row("connect.rate", 6, "handshakes until ready", "connections/s"), more / seconds)
        context.add(Row("connect.cpu", 6, "handshakes, server CPU", "µs each", "less"), cpu_us)
        if run.server.door.resume:
            _storm(context, run)


def _storm(context: Context, run: Run) -> None:
    most = context.scale.most
    run.load.cut()
    if not wait_for(lambda: open_files(run.server.pid) < _FIRST, 30.0):
        context.sheet.note(context.peer.label, "still held connections 30 s after all were cut")
    reply = run.server.ask("burst", count=MISSED, size=128)
    publishes = context.peer.module != peers.ACCEPT_ONLY.module
    connected, recovered = run.reconnect(most, reply["position"], MISSED if publishes else 0)
    what = f"{_count(most)} cut at once"
    context.add(Row("storm.connected", 6, f"{what}, last one connected", "s", "less"), connected)
    if publishes:
        row = Row("storm.recovered", 6, f"{what}, last one has the {MISSED} it missed", "s", "less")
        context.add(row, recovered)


def bad_clients(context: Context) -> None:
    """Fan-out and latency of the others while some read slowly and some not at all.

    Send buffers are small here, and filled first: with the kernel's megabytes between them, a
    frozen client would not be noticed within the seconds that this takes.
    """
    middle = context.scale.middle
    frozen, slow = max(1, middle // 100), middle // 10
    with context.start(send_buffer=_SEND_BUFFER) as run:
        run.connect(middle - frozen - slow)
        run.flow(_WARM_UP, window=1)
        flow = run.flow(context.scale.seconds, window=1)
        context.add(
            Row("bad.rate.without", 7, "the others alone", "deliveries/s"), flow.deliveries_per_second
        )
        latency, _ = run.paced(_half(flow, run), context.scale.seconds)
        context.add(Row("bad.p99.without", 7, "the others alone, at 50 %, p99", "ms", "less"), latency.p99)
        rate = flow.deliveries_per_second

        run.connect_bad(frozen, slow)
        run.flow(context.scale.seconds, size=16_384, most=32)
        flow = run.flow(context.scale.seconds, window=1)
        with_them = Row("bad.rate.with", 7, "the others beside them", "deliveries/s")
        context.add(with_them, flow.deliveries_per_second)
        _latencies(context, run, rate, "bad.latency", 7)


def _depths(peer: Peer) -> tuple[int, ...]:
    """After how many publications the publisher awaits: only the hub's `publish` acts when it is called."""
    return (1, 100) if peer.module == peers.HUB.module else (1,)


def _awaited(depth: int) -> str:
    return "each awaited" if depth == 1 else f"every {depth}th awaited"


def _half(flow: Flow, run: Run) -> float:
    return max(0.5, flow.deliveries_per_second / 2 / run.load.clients)


def in_process(context: Context) -> None:
    """Publications per second to subscribers in the same process, from the loop and from a thread."""
    with context.start() as run:
        for origin in ("loop", "thread"):
            for subscribers in (0, 1, 10):
                flow = run.local(origin, subscribers, context.scale.seconds / 2)
                label = f"from {'the loop' if origin == 'loop' else 'a thread'} to {subscribers} subscribers"
                row = Row(
                    f"local.{origin}.{subscribers}",
                    8,
                    label.replace("1 subscribers", "1 subscriber"),
                    "publishes/s",
                )
                context.add(row, flow.publications_per_second)


def broadcasts(context: Context) -> None:
    """Awaited broadcasts per second to more and more clients, and what a frozen one does to the others."""
    seconds = context.scale.seconds / 4
    with context.start() as run:
        for clients in BROADCAST_SIZES:
            run.connect(clients - run.load.clients)
            run.flow(_WARM_UP)
            flow = context.checked(run.flow(seconds), f"broadcasts to {_count(clients)}")
            row = Row(f"broadcasts.{clients}", 9, _clients(clients), "broadcasts/s")
            context.add(row, flow.publications_per_second)
    with context.start() as run:
        run.connect(BROADCAST_SIZES[1])
        run.connect_bad(1, 0)
        run.flow(seconds, size=16_384, most=FROZEN_FILL)
        latency, _ = run.paced(100, 4 * seconds)
        label = f"{_clients(BROADCAST_SIZES[1])} beside one that is frozen, worst"
        context.add(Row("broadcasts.frozen", 9, label, "ms", "less"), latency.worst)


def over_http(context: Context) -> None:
    """Requests per second with nobody and with many subscribers attached, and rows of NDJSON per second."""
    seconds = context.scale.seconds / 2
    way = str(context.peer.arguments.get("way", ""))
    mount = "/live" if way == "mounted" else ""
    row = message(128)
    body = orjson.dumps({"channel": "fed", "data": row})
    with context.start() as run:
        port = run.server.port
        post = Post.of(port, f"{mount}/api/publish", body, token=TOKEN)
        for clients in (0, context.scale.middle) if way != "bare" else (0,):
            run.connect(clients)
            with HttpLoad(port, CONNECTIONS) as load:
                load.repeat(post, _WARM_UP)
                used = cpu_ns(run.server.pid)
                rate = load.repeat(post, seconds)
                cpu_us = (cpu_ns(run.server.pid) - used) / 1e3 / (rate * seconds)
                label = f"{_clients(clients)} attached"
                context.add(Row(f"http.publish.{clients}", 10, label, "requests/s"), rate)
                cpu = Row(f"http.cpu.{clients}", 10, f"{label}, server CPU", "µs/request", "less")
                context.add(cpu, cpu_us)
        if way not in ("direct", "mounted"):
            return
        rows = b"\n".join([orjson.dumps(row)] * ROWS)
        post = Post.of(
            port, f"{mount}/ingest/fed", rows, token=TOKEN, kind="application/x-ndjson", status=202
        )
        with HttpLoad(port, CONNECTIONS) as load:
            load.repeat(post, _WARM_UP)
            figure = Row("http.ndjson", 10, f"NDJSON, {ROWS} rows a request", "publications/s")
            context.add(figure, ROWS * load.repeat(post, seconds))


def _count(number: int) -> str:
    return f"{number:,}"


def _clients(number: int) -> str:
    return "1 client" if number == 1 else f"{_count(number)} clients"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A measurement and the peers it makes sense for."""

    name: str
    measure: Callable[[Context], None]
    peers: tuple[Peer, ...]


_HUBS = (peers.HUB, peers.HUB_FAST, peers.HUB_CENTRIFUGE)
_SERVERS = (
    *_HUBS,
    peers.NAIVE,
    peers.WEBSOCKETS,
    peers.SOCKETIO,
    peers.AIOHTTP,
    peers.CENTRIFUGO,
)
_ACCEPTORS = (peers.ACCEPT_ONLY, peers.ACCEPT_ONLY_FAST)

SCENARIOS = (
    Scenario("publishing", publishing, _SERVERS[:-1]),
    Scenario(
        "fan_out",
        fan_out,
        (*_SERVERS, peers.OWN_APP, peers.HUB_BATCH, *peers.STORES, peers.BARE, peers.BARE_10),
    ),
    Scenario("channels", channels, (*_HUBS, peers.SOCKETIO, peers.CENTRIFUGO)),
    Scenario("connections", connections, (*_SERVERS, *_ACCEPTORS, peers.BARE)),
    Scenario("bad_clients", bad_clients, _SERVERS[:-1]),
    Scenario("broadcasts", broadcasts, peers.MANAGERS),
    Scenario("over_http", over_http, (*peers.FEEDERS, peers.CENTRIFUGO)),
    Scenario("in_process", in_process, (peers.HUB,)),
)
