"""Every kind of attack at full length, and a table of what it did.

    python -m tests.attacks --seconds 20 --kinds pings,frozen --server uvicorn --ws websockets-sansio

It ends with 1 when a reader missed something, when something was left, or when a figure is not what
is promised: p99 within twice that of quiet times or 20 ms above it, no turn of the loop above 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from ..support.serving import FAST_PATH
from .beside import Seen, percentile, stand, victim
from .kinds import KINDS

HEAD = ("attack", "p99 quiet", "p99", "longest turn", "RSS before", "RSS after", "descriptors", "verdict")


def row(seen: Seen) -> tuple[str, ...]:
    quiet, now = percentile(seen.quiet_delays, 0.99), percentile(seen.delays, 0.99)
    verdict = list(dict.fromkeys(seen.wrong))[:1]
    if now > max(2 * quiet, quiet + 0.02):
        verdict.append("late")
    if seen.during["longest"] > 0.1:
        verdict.append("a long turn")
    return (
        seen.kind,
        f"{quiet * 1000:.1f} ms",
        f"{now * 1000:.1f} ms",
        f"{seen.during['longest'] * 1000:.0f} ms",
        f"{seen.quiet['rss'] >> 20} MiB",
        f"{seen.after['rss'] >> 20} MiB",
        f"{seen.quiet['descriptors']} → {seen.after['descriptors']}",
        ", ".join(verdict) or "ok",
    )


async def attack(kinds: list[str], server: str, ws: str, seconds: float) -> int:
    failed = 0
    print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
    for kind in kinds:
        async with victim(ws, server) as served:
            try:
                cells = row(await stand(served, kind, seconds))
            except AssertionError as error:
                cells = (kind, *[""] * (len(HEAD) - 2), str(error))
        failed += cells[-1] != "ok"
        print("| " + " | ".join(cells) + " |", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--server", default="serve", choices=("serve", "run", "uvicorn"))
    parser.add_argument("--ws", default=FAST_PATH)
    options = parser.parse_args()
    return min(1, asyncio.run(attack(options.kinds.split(","), options.server, options.ws, options.seconds)))


if __name__ == "__main__":
    sys.exit(main())
