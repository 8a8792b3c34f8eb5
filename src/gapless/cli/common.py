"""What several verbs take: where the hub is, and the credential for it."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_URL = "http://127.0.0.1:8765"

Url = Annotated[
    str, typer.Option(envvar="GAPLESS_URL", help="The hub's address, with the path it is mounted at.")
]
Token = Annotated[
    str | None,
    typer.Option(envvar="GAPLESS_TOKEN", show_default=False, help="The credential, where the hub wants one."),
]
