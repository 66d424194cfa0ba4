"""The command line as a whole: its verbs, its exit codes, and how it prints an error."""

import errno
import sys
import warnings
from collections.abc import Callable
from functools import partial
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from captiongan.cli import bulk, data, distill, draw, models, page, serve, text, train
from captiongan.errors import CaptionganError
from captiongan.version import __version__

app = typer.Typer(
    name="captiongan",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
for verbs in (draw, bulk, page, serve, train, models, distill, text, data):
    app.add_typer(verbs.app)


def main() -> None:
    """Run the command line."""
    run(partial(app, bulk.with_new_verb(sys.argv[1:])))


def run(commands: Callable[[], object]) -> None:
    """Run a command line; print an error that the user can fix as one line and exit with code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name may have letters that it cannot express
            stream.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        warnings.formatwarning = lambda message, *_: f"warning: {_one_line(message)}\n"
        warnings.filterwarnings("default", category=DeprecationWarning, module=r"captiongan\.")
        try:
            commands()
        except CaptionganError as error:
            _end(error)
        except OSError as error:  # other errors are reported where the file is written
            if error.errno != errno.ENOSPC:
                raise
            file = error.filename or "standard output"
            _end(
                f"'{file}' cannot be written ({error.strerror}); free some space and repeat the "
                "command"
            )


def _end(error: object) -> NoReturn:
    print(f"error: {_one_line(error)}", file=sys.stderr)
    sys.exit(2)


def _one_line(message: object) -> str:
    """Return a message as one line; what would change the terminal is shown as Python writes it."""
    line = " ".join(str(message).split())
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"captiongan {__version__}")
        raise typer.Exit


@app.callback()
def _captiongan(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Draw pictures from sentences with a small text-conditional GAN."""
