"""`gapless token`: a signed token for a client, as the application's back end would issue it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigError
from .terminal import WrongUsage, write

if TYPE_CHECKING:
    from ..config.client import TokenSection

_SECRET_VARIABLE = "GAPLESS_CLIENT__TOKEN__HMAC_SECRET_KEY"  # noqa: S105 - the name of one


def token(
    user: Annotated[str, typer.Argument(metavar="USER", help='The user id; "" for an anonymous client.')],
    channel: Annotated[
        str | None,
        typer.Option(show_default=False, help="Make a subscription token, for this channel only."),
    ] = None,
    expires: Annotated[str, typer.Option(help="As in 90s, 1h30m, 7d; or never.")] = "1h",
    info: Annotated[
        str | None, typer.Option(show_default=False, metavar="JSON", help="What others see of the client.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(show_default=False, help=f"The HMAC secret; better set {_SECRET_VARIABLE}."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="GAPLESS_CONFIG", show_default=False, metavar="FILE", help="A TOML file that has it."
        ),
    ] = None,
) -> None:
    """Write a token for the Centrifuge doors: who connects, or with --channel who may subscribe."""
    from ..auth.issue import issue_connection_token, issue_subscription_token

    rules = _rules(config, of_subscription=channel is not None)
    if secret is None:
        secret = rules.hmac_secret_key
    if not secret:
        raise ConfigError(f"no secret to sign with: set {_SECRET_VARIABLE}, or pass --config FILE")
    given: dict[str, Any] = {
        "expires_in": _lifetime(expires),
        "info": _json(info),
        "audience": rules.audience,
        "issuer": rules.issuer,
    }
    try:
        if channel is None:
            write([issue_connection_token(secret, user, **given)])
        else:
            write([issue_subscription_token(secret, user, channel, **given)])
    except ValueError as error:
        raise WrongUsage(str(error)) from None


def _rules(config: Path | None, *, of_subscription: bool) -> TokenSection:
    """What the server that runs with this file, and this environment, wants of a token."""
    from ..config.settings import load

    client = load(config).client
    own = client.subscription_token
    rules = own if of_subscription and own.enabled else client.token
    if rules.user_id_claim != "sub":
        raise ConfigError(
            f"tokens from here say the user in 'sub', and this server reads {rules.user_id_claim!r}: "
            "issue them with a JWT library"
        )
    for name in ("audience", "issuer"):
        if getattr(rules, f"{name}_regex") is not None:
            raise ConfigError(
                f"the server wants the {name} to match {name}_regex, which does not say what it is: "
                "issue tokens with a JWT library"
            )
    return rules


def _lifetime(text: str) -> float | None:
    from ..config.values import seconds

    if text == "never":
        return None
    try:
        value = seconds(text)
    except ValueError as error:
        raise WrongUsage(f"--expires: {error}, or never") from None
    if not isinstance(value, float) or value <= 0:
        raise WrongUsage("--expires is above 0 seconds")
    return value


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise WrongUsage(f'--info is JSON, as in \'{{"name": "Ann"}}\': {error}') from None
