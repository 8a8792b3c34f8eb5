"""What several verbs take: where the hub is, and the credential for it; and what of it cannot be meant."""

from __future__ import annotations

from typing import Annotated

import typer

from ..client.remote import Remote
from ..errors import ConfigError

DEFAULT_URL = "http://127.0.0.1:8765"

Url = Annotated[
    str, typer.Option(envvar="GAPLESS_URL", help="The hub's address, with the path it is mounted at.")
]
Token = Annotated[
    str | None,
    typer.Option(envvar="GAPLESS_TOKEN", show_default=False, help="The credential, where the hub wants one."),
]


class WrongUsage(ConfigError):
    """What was typed cannot be meant, whatever the hub says: exit code 2."""


def hub_at(url: str, token: str | None) -> Remote:
    """The hub that a verb talks to. Raises WrongUsage."""
    try:
        return Remote.parse(url, token)
    except ConfigError as error:
        raise WrongUsage(str(error)) from None
