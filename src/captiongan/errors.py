"""The errors that a user can mend.

Every message is one line and says four things: which argument, which value, which rule, which fix.
The command line prints it and ends with exit code 2; a library user catches `CaptionganError`.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class CaptionganError(Exception):
    """Something that the caller can mend; the message says what and how."""


class PromptError(CaptionganError):
    """A prompt, a seed, a truncation or a number of pictures that cannot be drawn.

    `argument` is the name of what breaks a rule; the message begins with it.
    """

    def __init__(self, argument: str, rest: str) -> None:
        super().__init__(f"{argument} {rest}")
        self.argument = argument


class BundleError(CaptionganError):
    """A bundle that is missing, damaged, foreign or from another version."""


class DataError(CaptionganError):
    """A captioned folder in which nothing is usable, or that cannot be read."""


class ConfigError(CaptionganError):
    """A run's configuration that breaks a rule."""


class RunError(CaptionganError):
    """A training run that cannot be started, resumed or exported."""


class OutputError(CaptionganError):
    """A place that cannot be written to."""


class BulkError(CaptionganError):
    """A file of prompts that cannot be read, or a job that cannot be begun or gone on with."""


@contextmanager
def needs_extra(name: str, what: str, half: str) -> Iterator[None]:
    """Say what to install where the packages of an extra are missing.

    Args:
        name: of the extra.
        what: needs it.
        half: what the extra installs, in words.

    Raises:
        CaptionganError: a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise CaptionganError(
            f"{what} needs the package '{error.name}', which is not installed; install "
            f"{half}: pip install 'captiongan[{name}]', or as README.md says in a clone"
        ) from error
