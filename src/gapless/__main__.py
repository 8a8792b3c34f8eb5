"""`gapless`, and `python -m gapless`: the command line, which needs the `server` extra."""

from __future__ import annotations

import sys

_SERVER_EXTRA = {
    "httptools",
    "httpx",
    "pydantic",
    "pydantic_settings",
    "rich",
    "typer",
    "uvicorn",
    "uvloop",
    "websockets",
}


def main() -> None:
    """Run the command line. Without the `server` extra it says how to install it, and exits with 2."""
    try:
        from .cli.app import run

        code = run()
    except KeyboardInterrupt:
        code = 130
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _SERVER_EXTRA:
            raise
        sys.stderr.write(f'gapless: {error.name} is not installed; pip install "gapless[server]"\n')
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
