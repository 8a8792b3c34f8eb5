"""All verbs together, and how each of them ends: one line for an error, none for Ctrl-C or a closed pipe."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import GaplessError
from ..version import __version__
from .bench.command import bench
from .channels import channels
from .demo import demo
from .doctor import config, doctor
from .follow import follow
from .operating import clear, clients, history, sources
from .pipe import pipe
from .publish import publish
from .running import run as run_command
from .search import search
from .serve import serve
from .store import store
from .tail import tail
from .terminal import WrongUsage, prepare, say, silence
from .token import token

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


class Verbs(TyperGroup):
    """Turns what ends a verb into an exit code and at most one line each on stderr."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; an error that we raise is one line on stderr."""
        try:
            return super().invoke(ctx)
        except GaplessError as error:
            for line in str(error).splitlines():
                say(line)
            raise typer.Exit(2 if isinstance(error, WrongUsage) else 1) from None
        except BrokenPipeError:
            silence()
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            say(str(error))
            raise typer.Exit(1) from None


app = typer.Typer(
    name="gapless",
    cls=Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"gapless {__version__}\n")
        raise typer.Exit


@app.callback()
def gapless(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A realtime hub: every publication in order, without a gap and without a repeat."""


READING = (tail, search, history, channels, clients, sources)
for verb in (serve, publish, *READING, pipe, follow, clear, token, bench, doctor, demo):
    app.command()(verb)
app.command("run")(run_command)
app.add_typer(config, name="config")
app.add_typer(store, name="store")

_UsageError: type[Exception] = import_module(typer.BadParameter.__module__).UsageError
"""What a wrong command line raises: beside `BadParameter`, in typer's own copy of click or in click."""


def run(arguments: list[str] | None = None) -> int:
    """Run a command line; gives the exit code."""
    prepare()
    try:
        code = app(arguments, prog_name="gapless", standalone_mode=False)
    except _UsageError as error:
        return _say_usage(error)
    except typer.Abort:
        return INTERRUPTED
    except SystemExit as ended:
        # rich ends like this where the reader of a help text has gone.
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        return 0
    return code if isinstance(code, int) else 0


def _say_usage(error: Any) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "gapless"
    message = " ".join(error.format_message().split())
    if message:  # without arguments at all, the help was shown instead
        say(f"{message.rstrip('.')}; see `{command} --help`")
    return int(error.exit_code)
