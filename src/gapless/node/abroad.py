"""Work for the hub's event loop that is asked for on another one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from .intake import Intake

T = TypeVar("T")


async def there(intake: Intake, work: Coroutine[Any, Any, T]) -> T:
    """Do it on the loop that the hub runs on, and wait for it on this one; which may be the same.

    Raises:
        RuntimeError: the hub's loop stands still while this one runs.
        NotRunning: it is gone.
    """
    loop = intake.loop
    if loop is None or loop is asyncio.get_running_loop():
        return await work
    try:
        intake.check_loop()
        doing = asyncio.run_coroutine_threadsafe(work, loop)
    except BaseException:
        work.close()
        raise
    return await asyncio.wrap_future(doing)
