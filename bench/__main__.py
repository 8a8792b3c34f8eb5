"""`python -m bench`: the hub, the naive class and the bare loop in six minutes; `--full`: everything."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from . import peers, report
from .bars import verdicts
from .child import Peer, ServerFailed, ServerProcess, wait_for
from .load import Load, Stuck
from .machine import busy_share, describe, pin, raise_open_files, two_cores
from .opening import Refused
from .run import Run
from .scenarios import SCENARIOS, Context, Scale, Scenario, Start
from .sheet import DISTURBED, Sheet

_QUICK = Scale(sizes=(1_000,), latency=False)
_QUICK_PEERS = (peers.HUB, peers.HUB_FAST, peers.NAIVE, peers.BARE, *peers.MANAGERS, *peers.FEEDERS)
_QUICK_SCENARIOS = ("publishing", "fan_out", "broadcasts", "over_http")
_QUICK_SECONDS = 345
_FULL_SECONDS = 3 * 3600
_SPARE_FILES = 200
_RESULTS = Path(__file__).parent / "results"


class OutOfTime(Exception):
    """The whole run took longer than it may."""


def main() -> int:
    """Measure, print, write.

    Returns the exit code: 130 when interrupted, 1 when something is missing or the hub is not
    ahead of the naive class.
    """
    options = _options()
    scale = _scale(options)
    server_cpu, load_cpu = two_cores()
    sheet = Sheet({peer.name: peer.label for peer in peers.ALL}, describe(server_cpu, load_cpu))
    scale = _fit(scale, raise_open_files(), sheet)
    sheet.settings = {
        "rounds": scale.rounds,
        "seconds": scale.seconds,
        "sizes": scale.sizes,
        "most": scale.most,
    }
    pin(load_cpu)
    gc.disable()  # the generator makes no cycles, and a pause of its collector would be measured as latency
    code = 1
    try:
        with _time_limit(options.limit or (_FULL_SECONDS if options.full else _QUICK_SECONDS)):
            code = _measure(_chosen(options, sheet), scale, sheet, (server_cpu, load_cpu), options.quiet)
    except OutOfTime:
        sheet.note("incomplete", "the run reached its time limit; what is missing was not measured")
    except KeyboardInterrupt:
        code = 130
        sheet.note("incomplete", "the run was interrupted; what is missing was not measured")
    if not sheet.rows:
        print("nothing was measured", *sheet.notes, sep="\n", file=sys.stderr)
        return 1
    return _publish(sheet, options) or code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(peer.name for peer in peers.ALL)
    parser.add_argument("--full", action="store_true", help="the whole matrix and all peers")
    parser.add_argument("--rounds", type=int, help="how often each peer is measured (3)")
    parser.add_argument("--seconds", type=float, help="length of one measurement (2)")
    parser.add_argument(
        "--clients", type=int, help="clients of the largest measurements (1,000; full: 10,000)"
    )
    parser.add_argument("--peers", help=f"only these, comma-separated: {names}")
    parser.add_argument(
        "--scenarios", help=f"only these: {', '.join(scenario.name for scenario in SCENARIOS)}"
    )
    parser.add_argument(
        "--ws", default=peers.FAST_PATH, help="WebSocket class of the fast-path peers (%(default)s)"
    )
    parser.add_argument(
        "--quiet",
        type=float,
        default=0.0,
        help="before each scenario wait at most so many seconds for other processes to leave our cores alone",
    )
    parser.add_argument("--limit", type=float, help="seconds after which the run ends whatever is left")
    parser.add_argument("--out", type=Path, help="folder for JSON, Markdown and plots (bench/results/…)")
    return parser.parse_args()


def _scale(options: argparse.Namespace) -> Scale:
    scale = Scale() if options.full else _QUICK
    if options.rounds:
        scale = replace(scale, rounds=options.rounds)
    if options.seconds:
        scale = replace(scale, seconds=options.seconds)
    return _capped(scale, options.clients) if options.clients else scale


def _capped(scale: Scale, most: int) -> Scale:
    sizes = tuple(dict.fromkeys(min(size, most) for size in scale.sizes))
    return replace(scale, sizes=sizes, middle=min(scale.middle, most), most=min(scale.most, most))


def _fit(scale: Scale, open_files: int, sheet: Sheet) -> Scale:
    """Scale down to the open files that server and generator may each have."""
    room = open_files - _SPARE_FILES
    if scale.most <= room and max(scale.sizes) <= room:
        return scale
    sheet.note("clients", f"scaled down to {room:,}; this user may open {open_files:,} files (`ulimit -n`)")
    return _capped(scale, room)


def _chosen(options: argparse.Namespace, sheet: Sheet) -> list[tuple[Scenario, Peer]]:
    """What to measure, peer by peer; peers that cannot be measured here are noted."""
    wanted = {name for name in (options.peers or "").split(",") if name}
    names = {name for name in (options.scenarios or "").split(",") if name}
    unknown = wanted - {peer.name for peer in peers.ALL} | names - {scenario.name for scenario in SCENARIOS}
    if unknown:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; see python -m bench --help")
    if not options.full:
        names = names or set(_QUICK_SCENARIOS)
        wanted = wanted or {peer.name for peer in _QUICK_PEERS}
    chosen: list[tuple[Scenario, Peer]] = []
    for peer in peers.ALL:
        if wanted and peer.name not in wanted:
            continue
        variant = peers.with_ws(peer, options.ws)
        if reason := peers.missing(variant):
            sheet.note(peer.label, reason)
            continue
        measured = [scenario for scenario in SCENARIOS if peer in scenario.peers]
        chosen += [(scenario, variant) for scenario in measured if not names or scenario.name in names]
    return chosen


def _measure(
    chosen: list[tuple[Scenario, Peer]], scale: Scale, sheet: Sheet, cpus: tuple[int, int], quiet: float
) -> int:
    """Round by round rather than peer by peer, so that a machine that changes its mood does it to all.

    Returns 1 when something could not be measured, which is noted, else 0.
    """
    failed = 0
    for number in range(scale.rounds):
        for scenario, peer in chosen:
            if quiet:
                wait_for(lambda: busy_share(cpus) < DISTURBED, quiet)
            began = time.monotonic()
            context = Context(peer, scale, sheet, _starter(peer, cpus))
            try:
                scenario.measure(context)
                outcome = f"{time.monotonic() - began:.0f} s"
            except (ServerFailed, Stuck, Refused, OSError) as error:
                outcome = f"{type(error).__name__}: {error}"
                sheet.note(f"{peer.label}, {scenario.name}", outcome)
                failed = 1
            print(
                f"round {number + 1}/{scale.rounds}  {scenario.name:12} {peer.label:24} {outcome}",
                file=sys.stderr,
            )
            gc.collect()
    return failed


def _starter(peer: Peer, cpus: tuple[int, int]) -> Start:
    """How a scenario gets a fresh server with no clients yet."""

    @contextmanager
    def start(**options: object) -> Iterator[Run]:
        with ServerProcess(peer, cpus[0], **options) as server:
            load = Load()
            try:
                load.watch(server.fileno(), server.receive)
                yield Run(server, load, cpus)
            finally:
                load.close()

    return start


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the middle of whatever is going on; SIGTERM ends the run like Ctrl-C."""

    def out_of_time(signum: int, frame: FrameType | None) -> None:
        raise OutOfTime

    def interrupted(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, out_of_time)
    signal.signal(signal.SIGTERM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _publish(sheet: Sheet, options: argparse.Namespace) -> int:
    """Print and write the report; returns 1 when the hub is not ahead of the naive class, else 0."""
    print(report.markdown(sheet))
    kind = "full" if options.full else "quick"
    folder = options.out or _RESULTS / time.strftime(f"%Y-%m-%d-%H%M%S-{kind}")
    paths = report.write(sheet, folder)
    try:
        from . import plots
    except ImportError:
        print("no plots: matplotlib is not installed", file=sys.stderr)
    else:
        paths += plots.write(sheet, folder)
    print("written:", *paths, sep="\n  ", file=sys.stderr)
    ahead = [verdict for verdict in verdicts(sheet) if verdict.bar.label.endswith("over the naive class")]
    behind = [verdict for verdict in ahead if verdict.value <= 1]
    for verdict in behind:
        print(f"{verdict.peer} is not ahead of the naive class: {verdict.bar.label}", file=sys.stderr)
    return 1 if behind else 0


if __name__ == "__main__":
    raise SystemExit(main())
