"""The settings that are in effect and who said each, for those who operate the server; without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import urlsplit

from ..options import Limits

Origin = Literal["argument", "environment", "file", "default"]

SET = "set"
"""In place of what is secret, or too much for a line."""

SECRET = frozenset(("token",))

SECTIONS = frozenset(("client", "proxy", "channel", "board"))
"""Tables with keys, secrets and addresses of others in them: that they are written is all that is told."""


def origins(
    names: Iterable[str],
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Mapping[str, Any],
    prefix: str,
) -> dict[str, Origin]:
    """Who said each of these: the first of flags, variables of the environment and the file that did.

    Of a limit it is told by itself, as `limits.NAME`.
    """
    said = {name.upper() for name in environment}
    found: dict[str, Origin] = {}
    for name in names:
        variable = f"{prefix}{name}".upper()
        if flags.get(name) is not None:
            found[name] = "argument"
        elif variable in said or any(each.startswith(f"{variable}__") for each in said):
            found[name] = "environment"
        else:
            found[name] = "file" if name in file else "default"
    limits = file.get("limits")
    for limit in asdict(Limits()):
        if f"{prefix}LIMITS__{limit}".upper() in said or found.get("limits") == "argument":
            found[f"limits.{limit}"] = found["limits"]
        else:
            written = isinstance(limits, Mapping) and limit in limits
            found[f"limits.{limit}"] = "file" if written else "default"
    return found


def effective(values: Mapping[str, Any], found: Mapping[str, Origin]) -> dict[str, tuple[Any, Origin]]:
    """Each setting with what it is and who said it. Of the limits only those that somebody set."""
    told: dict[str, tuple[Any, Origin]] = {}
    for name, value in values.items():
        if name == "limits":
            told |= dict(_limits(value, found))
        else:
            told[name] = _shown(name, value), found.get(name, "default")
    return told


def _limits(limits: Limits, found: Mapping[str, Origin]) -> Iterator[tuple[str, tuple[Any, Origin]]]:
    for name, value in asdict(limits).items():
        origin = found.get(f"limits.{name}", "default")
        if origin != "default":
            yield f"limits.{name}", (value, origin)


def _shown(name: str, value: Any) -> Any:
    if name in SECRET:
        return SET if value else None
    if name in SECTIONS:
        return SET
    if name == "channels":
        return sorted(value)
    if isinstance(value, tuple):
        return [_without_password(each) for each in value]
    return _without_password(value) if isinstance(value, str) else value


def _without_password(text: str) -> str:
    """A URL without what only its owner knows: who one is, and what is asked for."""
    if "://" not in text:
        return text
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
