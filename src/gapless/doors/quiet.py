"""What must not stand in an access log: tokens that came in a query."""

from __future__ import annotations

import logging
import re

SECRETS = ("token", "api_key", "cf_connect")
"""Parameters whose values are, or hold, a credential."""

_IN_QUERY = re.compile(rf"([?&](?:{'|'.join(SECRETS)})=)[^&\s\"']*")

_LOGGERS = ("uvicorn.access", "uvicorn.error")
"""Where uvicorn names what was asked for: requests in the first, WebSockets in the second."""


class HideTokens(logging.Filter):
    """Leaves the names of such parameters in a line, and `…` in place of what they say."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        if isinstance(record.args, tuple):
            record.args = tuple(hidden(each) if isinstance(each, str) else each for each in record.args)
        if isinstance(record.msg, str):
            record.msg = hidden(record.msg)
        return True


def hidden(text: str) -> str:
    """The text without the secrets of the queries in it."""
    return _IN_QUERY.sub(r"\1…", text) if "=" in text else text


def hide_tokens() -> None:
    """Keep them out of uvicorn's logs. Idempotent; what else filters these stays as it is."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, HideTokens) for one in logger.filters):
            logger.addFilter(HideTokens())
