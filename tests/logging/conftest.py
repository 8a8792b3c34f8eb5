"""A logger of one's own."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Iterator

import pytest


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.Logger("app.worker", logging.DEBUG)
    yield made
    for handler in made.handlers:
        handler.close()
