"""Writes the reference pages that are tables of what the source says: options, limits, counters, codes.

python tools/reference.py          writes docs/reference/{options,counters,codes,limits}.md
python tools/reference.py --check  exits with 1 when a page is not what it would write
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "gapless"
PAGES = ROOT / "docs" / "reference"


def attributes(module: str, name: str) -> list[tuple[str, str, str, str]]:
    """Name, type, default and docstring of each field of a dataclass, as they are written."""
    tree = ast.parse((SOURCE / module).read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    found: list[tuple[str, str, str, str]] = []
    for at, node in enumerate(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            below = body[at + 1] if at + 1 < len(body) else None
            said = ""
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                said = " ".join(str(below.value.value).split())
            default = ast.unparse(node.value) if node.value is not None else ""
            found.append((node.target.id, ast.unparse(node.annotation), default, said))
    return found


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)]) + "\n"


def options_page() -> str:
    def rows(name: str) -> list[tuple[str, ...]]:
        return [
            (f"`{n}`", f"`{kind}`", f"`{default}`", said)
            for n, kind, default, said in attributes("options.py", name)
        ]

    head = ("Option", "Type", "Default", "Meaning")
    return (
        "# Options and limits\n\n"
        "Sizes are bytes, times are seconds, rates are per second. Every bound has a counter, listed under "
        "[counters](counters.md).\n\n"
        "## `ChannelOptions`\n\nOf the channels that match one pattern; the longest that matches wins.\n\n"
        f"{table(head, rows('ChannelOptions'))}\n"
        "## `Limits`\n\nOf a process and of each of its connections.\n\n"
        f"{table(head, rows('Limits'))}"
    )


def counters_page() -> str:
    rows: list[tuple[str, ...]] = [
        (f"`{name}`", said) for name, _, _, said in attributes("core/counters.py", "Counters")
    ]
    return (
        "# Counters\n\n`hub.stats().counters`, and `metrics` in the HTTP API's `info`. They count since the "
        "hub was made, and their names never hold a channel, a user or an address.\n\n"
        f"{table(('Counter', 'Meaning'), rows)}"
    )


def bounds_page() -> str:
    sys.path.insert(0, str(ROOT / "src"))
    from gapless import Limits
    from gapless.core.bounds import BOUNDS

    def default(option: str) -> str:
        value = getattr(Limits(), option)
        return "off" if value is None else f"{value:,}"

    rows: list[tuple[str, ...]] = [
        (
            f"`{row.option}`",
            default(row.option),
            row.then,
            f"`{row.counter}`",
            ", ".join(each.value for each in row.where),
        )
        for row in BOUNDS
    ]
    return (
        "# Bounds\n\nWhere each is reached, what happens there, and the counter that moves. `GET /metrics` "
        '(`pip install "gapless[metrics]"`) shows every counter in Prometheus\' format, as '
        "`gapless_NAME_total`; it asks for the credential of the API, and no series holds a channel, a user "
        "or an address. Sizes are bytes, times seconds, rates a second; what each option means stands under "
        "[options](options.md), counters with `broker.` are those of `memory://`.\n\n"
        f"{table(('Limit', 'Default', 'Then', 'Counter', 'Where'), rows)}"
    )


def codes_page() -> str:
    sys.path.insert(0, str(ROOT / "src"))
    from gapless import errors

    def below(kind: type[errors.ClientError]) -> list[type[errors.ClientError]]:
        return [kind, *(found for sub in kind.__subclasses__() for found in below(sub))]

    # 100 is what anything unexpected becomes, and not the base of all the others.
    kinds = [errors.ClientError, *below(errors.ClientError)[1:]]
    classes = {cls.code: cls for cls in kinds if cls.__module__ == errors.__name__}
    rows: list[tuple[str, ...]] = [
        (
            str(code),
            cls.message,
            f"`{cls.__name__}`",
            "yes" if cls.temporary else "",
            (cls.__doc__ or "").splitlines()[0],
        )
        for code, cls in sorted(classes.items())
    ]
    closing: list[tuple[str, ...]] = [
        (str(code), reason, "yes" if errors.Disconnect(code).reconnect else "no")
        for code, reason in sorted(errors.REASONS.items())
    ]
    ending: list[tuple[str, ...]] = [
        (str(code), reason, "yes" if code >= 2500 else "no")
        for code, reason in sorted(errors.UNSUBSCRIBE_REASONS.items())
    ]
    return (
        "# Codes\n\nThose of the Centrifuge client protocol, on every door.\n\n## Errors\n\nEnd one command. "
        "Codes 400 to 1999 are free for applications.\n\n"
        f"{table(('Code', 'Message', 'Class', 'Temporary', 'When'), rows)}\n"
        "## Disconnects\n\nEnd the connection. 4000 to 4499 (come back) and 4500 to 4999 (stay away) are "
        "free for applications. 3000 is never sent: the connection ends without a close frame.\n\n"
        f"{table(('Code', 'Reason', 'Come back?'), closing)}\n"
        "## Unsubscribes\n\nEnd a subscription, by the server.\n\n"
        f"{table(('Code', 'Reason', 'Subscribe again?'), ending)}"
    )


def main() -> int:
    pages = {
        "options.md": options_page(),
        "counters.md": counters_page(),
        "codes.md": codes_page(),
        "limits.md": bounds_page(),
    }
    stale = [name for name, text in pages.items() if not _is(PAGES / name, text)]
    if "--check" in sys.argv[1:]:
        for name in stale:
            sys.stderr.write(f"docs/reference/{name} is not what the source says: run tools/reference.py\n")
        return 1 if stale else 0
    for name in stale:
        (PAGES / name).write_text(pages[name])
    return 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    raise SystemExit(main())
