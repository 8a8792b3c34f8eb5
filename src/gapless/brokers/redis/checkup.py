"""What `gapless doctor` asks a Redis: is it one that keeps what it is given?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

from redis.asyncio.connection import Connection
from redis.exceptions import ResponseError

from ...server.checkup import Finding
from .address import Address, Place
from .cluster import places_of
from .link import disconnect
from .server import OLDEST_VERSION, ask, connect
from .single import master_of

PINGS = 50

SLOW_SECONDS = 0.005
"""A round trip that takes longer is not one within a machine room."""

MANY_CLIENTS = 0.8
"""Of `maxclients`, from which on it gets narrow."""

Said = Mapping[str, str]


async def checkup(address: Address) -> list[Finding]:
    """Findings on each server, whose place they name.

    Raises:
        RedisError, OSError, BrokerError: nobody answers there.
    """
    places = address.places[:1]
    if address.kind == "sentinel":
        places = (await master_of(address)(),)
    elif address.kind == "cluster":
        places = tuple(await places_of(address))
    return [finding for place in places for finding in await _one(address, place)]


async def _one(address: Address, place: Place) -> list[Finding]:
    connection = await connect(address, place)
    try:
        info = _info(await ask(connection, b"INFO"))
        settings = await _settings(connection)
        times = [await _time(connection) for _ in range(PINGS)]
    finally:
        await disconnect(connection)
    findings = [*judge(info, settings), _latency(times)]
    return [finding._replace(what=f"{place}: {finding.what}") for finding in findings]


def judge(info: Said, settings: Said | None) -> Iterator[Finding]:
    """From INFO, and from CONFIG GET where that is allowed."""
    yield _version(info)
    yield _eviction(info)
    yield _persistence(info, settings)
    yield _clients(info)
    yield _replicas(info, settings)
    yield _output(settings)


def _version(info: Said) -> Finding:
    name = "Valkey" if "valkey_version" in info else "Redis"
    found = info.get("valkey_version") or info.get("redis_version", "0")
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST_VERSION:
        return Finding("bad", f"{name} {found}", "too old: 7 or newer is needed, or Valkey")
    return Finding("ok", f"{name} {found}")


def _eviction(info: Said) -> Finding:
    policy, most = info.get("maxmemory_policy", "noeviction"), int(info.get("maxmemory", "0"))
    what = f"maxmemory {most >> 20:,} MiB, {policy}" if most else f"no maxmemory, {policy}"
    if policy != "noeviction":
        advice = (
            "under pressure it drops channels, which then begin anew: CONFIG SET maxmemory-policy noeviction"
        )
        return Finding("bad", what, advice)
    if not most:
        return Finding(
            "note", what, "it grows until the machine has no more: set maxmemory, publishing then fails"
        )
    used = int(info.get("used_memory", "0"))
    if used > 0.8 * most:
        return Finding(
            "bad", f"{what}, {used / most:.0%} of it used", "publishing fails when it is full: keep less"
        )
    return Finding("ok", what)


def _persistence(info: Said, settings: Said | None) -> Finding:
    if info.get("aof_enabled") == "1":
        if info.get("aof_last_write_status", "ok") != "ok":
            return Finding(
                "bad", "the append-only file cannot be written", "see the log of Redis; is the disk full?"
            )
        how = "" if settings is None else f" {settings.get('appendfsync', '')}".rstrip()
        lost = {"always": "nothing of what was acknowledged", "no": "what the system had not written yet"}
        return Finding(
            "ok",
            f"append-only file{how}",
            f"a restart loses {lost.get(how.strip(), 'at most about a second')}",
        )
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        return Finding("bad", "the last snapshot failed", "see the log of Redis; is the disk full?")
    saves = None if settings is None else settings.get("save", "")
    if saves:
        return Finding(
            "note",
            f"snapshots only ({saves})",
            "a restart loses what came since: appendonly yes loses a second",
        )
    return Finding(
        "note", "nothing is written to disk", "a restart loses all history: appendonly yes loses a second"
    )


def _clients(info: Said) -> Finding:
    now, most = int(info.get("connected_clients", "0")), int(info.get("maxclients", "10000"))
    what = f"{now:,} of {most:,} connections"
    if now > MANY_CLIENTS * most:
        return Finding("bad", what, "nodes that come back may find none left: raise maxclients")
    return Finding("ok", what)


def _replicas(info: Said, settings: Said | None) -> Finding:
    count = int(info.get("connected_slaves", "0"))
    if count == 0:
        return Finding("note", "no replica", "when this server is gone, publishing fails until it is back")
    least = int((settings or {}).get("min-replicas-to-write", "0") or 0)
    advice = (
        ""
        if least
        else "an isolated primary goes on taking publications that are lost later: min-replicas-to-write 1"
    )
    return Finding("ok" if least else "note", f"{count} replica{'s' if count > 1 else ''}", advice)


def _output(settings: Said | None) -> Finding:
    if settings is None:
        return Finding("note", "its configuration may not be read", "grant +config|get to look at more")
    words = settings.get("client-output-buffer-limit", "").split()
    if "pubsub" not in words:
        return Finding("ok", "output buffers as usual")
    hard, soft, seconds = words[words.index("pubsub") + 1 :][:3]
    what = f"output buffer of a subscriber: {int(hard) >> 20} MiB, {int(soft) >> 20} MiB for {seconds} s"
    if int(hard) == 0:
        advice = "without a limit one node that stands still can fill Redis: pubsub 32mb 8mb 60"
        return Finding("bad", what, advice)
    if int(hard) < 8 << 20:
        return Finding(
            "note", what, "a short burst cuts nodes off, which then read what they missed: pubsub 32mb 8mb 60"
        )
    return Finding("ok", what)


def _latency(times: list[float]) -> Finding:
    middle, worst = statistics.median(times), max(times)
    what = f"round trip {middle * 1000:.2f} ms, at most {worst * 1000:.2f} ms of {len(times)}"
    if middle > SLOW_SECONDS:
        return Finding("note", what, "every publication waits for one: keep Redis near its nodes")
    return Finding("ok", what)


async def _time(connection: Connection) -> float:
    before = time.perf_counter()
    await ask(connection, b"PING")
    return time.perf_counter() - before


async def _settings(connection: Connection) -> Said | None:
    """What the configuration says; None where we may not ask."""
    names = (b"save", b"appendfsync", b"client-output-buffer-limit", b"min-replicas-to-write")
    try:
        said: list[Any] = []
        for name in names:
            said += await ask(connection, b"CONFIG GET", name)
    except ResponseError:
        return None
    return {name.decode(): value.decode() for name, value in zip(said[::2], said[1::2], strict=True)}


def _info(said: bytes) -> Said:
    return dict(line.split(":", 1) for line in said.decode().splitlines() if ":" in line)
