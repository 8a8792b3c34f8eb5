"""A process that publishes to a store and says what was acknowledged, for tests that end it hard.

    worker.py PATH NAME [--synchronous normal] [--at-once N] [--count N] [--checkpoint BYTES]

It writes `ready`, then `ack OFFSET EPOCH PAYLOAD` or `error TEXT` a line, each in one write, and at
the end `unready TEXT` if the store is.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os

from gapless import ChannelOptions, Limits
from gapless.brokers.sqlite.address import Tuning
from gapless.brokers.sqlite.broker import SqliteBroker
from gapless.model import Draft, Member, Position, Publication

CHANNEL = "c"
OPTIONS = ChannelOptions(history=1_000_000, history_bytes=None)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Nobody:
    """A sink that does not listen."""

    def publication(self, channel: str, publication: Publication) -> None: ...

    def joined(self, channel: str, member: Member) -> None: ...

    def left(self, channel: str, member: Member) -> None: ...

    def interrupted(self) -> None: ...
    def garbled(self, channel: str) -> None: ...


class Slip:
    """Says how a publication ended, at the moment it is told."""

    def __init__(self, payload: bytes) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.payload = payload

    def resolve(self, position: Position | None) -> None:
        assert position is not None
        say("ack", position.offset, position.epoch, self.payload.decode())
        self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        say("error", error)
        self.done.set_result(None)


async def main(arguments: argparse.Namespace) -> None:
    broker = SqliteBroker(
        arguments.path,
        Limits(),
        synchronous=arguments.synchronous,
        tuning=Tuning(checkpoint_bytes=arguments.checkpoint),
    )
    await broker.start(Nobody())
    say("ready")
    numbers = iter(range(arguments.count)) if arguments.count else itertools.count()

    async def publish() -> None:
        for number in numbers:
            slip = Slip(f'"{arguments.name}-{number}-{"x" * (number % 97)}"'.encode())
            broker.publish(CHANNEL, Draft(slip.payload), OPTIONS, slip)
            await slip.done

    await asyncio.gather(*(publish() for _ in range(arguments.at_once)))
    if (reason := broker.unready()) is not None:
        say("unready", reason)
    await broker.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("name")
    parser.add_argument("--synchronous", default="full")
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--checkpoint", type=int, default=Tuning().checkpoint_bytes)
    asyncio.run(main(parser.parse_args()))
