"""What the processes of one hub tell each other about themselves, for whoever operates them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson

from ..brokers.base import Broker, KnowsNodes
from ..errors import BrokerError
from .tasks import Tasks

log = logging.getLogger("gapless")

REPORT_SECONDS = 3.0
"""Between two reports of a process."""

GONE_SECONDS = 10.0
"""A process that has not reported for so long is gone."""


class Reports:
    """This process's reports, and those of the others where the broker passes them on.

    `about` says how this process stands now, as JSON can hold it, with its `uid`.
    """

    def __init__(self, broker: Broker, tasks: Tasks, about: Callable[[], dict[str, Any]]) -> None:
        self._broker = broker
        self._tasks = tasks
        self._about = about

    def begin(self) -> None:
        """Report from now on, until the node ends."""
        if isinstance(self._broker, KnowsNodes):
            self._tasks.spawn(self._report(self._broker))

    async def _report(self, broker: KnowsNodes) -> None:
        while True:
            about = self._about()
            try:
                await broker.report(about["uid"], orjson.dumps(about), GONE_SECONDS)
            except BrokerError as error:
                log.warning("this process cannot report how it stands: %s", error)
            await asyncio.sleep(REPORT_SECONDS)

    async def all(self) -> list[dict[str, Any]]:
        """This process as it stands now, and the others as they last said. Raises BrokerError."""
        own = self._about()
        if not isinstance(self._broker, KnowsNodes):
            return [own]
        others = await self._broker.nodes()
        others.pop(own["uid"], None)
        return [own, *(orjson.loads(about) for _, about in sorted(others.items()))]
