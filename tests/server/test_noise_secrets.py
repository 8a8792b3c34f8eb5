"""The log of the server shows no token that came in a query."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import uvicorn.config

from gapless import ChannelOptions
from gapless.server.noise import HideTokens, hidden, hide_tokens

from ..support.serving import doors

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("/ws?token=SECRET", "/ws?token=…"),
        ("/ws?channel=a&token=SECRET&batch=1", "/ws?channel=a&token=…&batch=1"),
        ('GET /api?api_key=SECRET HTTP/1.1"', 'GET /api?api_key=… HTTP/1.1"'),
        ("/connection/sse?cf_connect=%7B%22token%22SECRET", "/connection/sse?cf_connect=…"),
        ("/ws?mytoken=x", "/ws?mytoken=x"),
        ("/ws", "/ws"),
    ],
)
def test_what_follows_such_a_parameter_is_not_shown(line: str, shown: str) -> None:
    assert hidden(line) == shown


@pytest.fixture
def access_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """uvicorn's loggers as its own configuration leaves them, and listened to."""
    names = ("uvicorn", "uvicorn.access", "uvicorn.error")
    before = {name: (logging.getLogger(name).level, logging.getLogger(name).propagate) for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.INFO)
        logging.getLogger(name).propagate = True
    yield caplog
    for name, (level, propagate) in before.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).propagate = propagate


async def test_the_log_of_the_server_shows_no_token(access_log: pytest.LogCaptureFixture) -> None:
    kept = ChannelOptions(history=10)
    async with doors({"logs": kept}, token="9a1e4c7d3b5f2806e8d7c6b5a4f30211") as here:
        # As uvicorn does, whose configuration comes before the application or after it.
        for path in ("/sse?channel=logs&token=SESAME", "/connection/uni_sse?cf_connect=SESAME"):
            async with here.http.stream("GET", path):
                pass
        with pytest.raises(Exception, match=r"3500|no close frame|1000"):
            async with here.client("?channel=logs&token=SESAME") as client:
                await client.connection.recv()
    log = logging.getLogger("uvicorn.access")
    log.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/sse?channel=logs&token=SESAME", "1.1", 200)
    assert "token=…" in access_log.text
    assert "SESAME" not in access_log.text


def test_the_filter_outlives_uvicorns_own_configuration() -> None:
    hide_tokens()
    hide_tokens()
    uvicorn.config.Config(lambda *_: None, log_config=uvicorn.config.LOGGING_CONFIG, access_log=True)
    for name in ("uvicorn.access", "uvicorn.error"):
        assert sum(isinstance(one, HideTokens) for one in logging.getLogger(name).filters) == 1
    # Put back, for those who read what is logged after us.
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
