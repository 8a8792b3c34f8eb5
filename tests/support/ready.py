"""The program that stands ready to be `gapless`: all is imported, and for each command it forks.

A fork begins where `python -m gapless` has imported everything, which is most of what a command costs, and
from there on is the same: the same `__main__`, argv, environment, directory, pipes and signals, the same end
of the interpreter. It is a child of whoever asked, since this process lets go of it.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

STREAMS = 3
LARGEST = 1 << 17
"""Bytes of one command, with its environment."""


class Command(NamedTuple):
    """What is to be run, and where."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str


def main(control: socket.socket) -> None:
    """Fork for each command that comes, until nobody can send one any more."""
    _prepare()
    while True:
        told, streams, _, _ = socket.recv_fds(control, LARGEST, STREAMS)
        if not told:
            return
        if os.fork():
            os.wait()
        elif os.fork():
            os._exit(0)
        else:
            # Whoever asked is told once it is the parent, and can wait for what it was told.
            _until_adopted(int(os.environ["READY_FOR"]))
            control.send(str(os.getpid()).encode())
            control.close()
            _become(Command(*json.loads(told)), streams)
            return
        for stream in streams:
            os.close(stream)


def _prepare() -> None:
    import gapless

    for module in pkgutil.walk_packages(gapless.__path__, "gapless."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    gc.collect()
    gc.freeze()


def _until_adopted(parent: int) -> None:
    while os.getppid() != parent:
        os.sched_yield()


def _become(command: Command, streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(command.environment)
    os.chdir(command.directory)
    sys.path[0] = command.directory
    sys.argv[1:] = command.arguments
    runpy.run_module("gapless", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
