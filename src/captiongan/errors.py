"""The errors that a user can fix.

Every message is one line and names the argument, its value, the rule and the fix. The command line
prints it and exits with code 2; a library user catches `CaptionganError`.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class CaptionganError(Exception):
    """An error that the caller can fix; the message says how."""


class PromptError(CaptionganError):
    """A prompt, seed, truncation or number of pictures that breaks a rule.

    `argument` names the one that breaks it; the message begins with that name.
    """

    def __init__(self, argument: str, rest: str) -> None:
        super().__init__(f"{argument} {rest}")
        self.argument = argument


class BundleError(CaptionganError):
    """A missing, damaged or foreign bundle, or one of another version."""


class DataError(CaptionganError):
    """A data set that cannot be read, or that holds nothing usable."""


class ConfigError(CaptionganError):
    """A configuration that breaks a rule."""


class RunError(CaptionganError):
    """A training run that cannot start, resume or be exported."""


class OutputError(CaptionganError):
    """A file or folder that cannot be written."""


class BulkError(CaptionganError):
    """A file of prompts that cannot be read, or a job that cannot start or resume."""


@contextmanager
def needs_extra(name: str, what: str, half: str) -> Iterator[None]:
    """Turn the absence of an extra's package into an error that says what to install.

    Args:
        name: the extra, such as `train`.
        what: what needs it, such as `this verb`.
        half: what the extra installs, such as `the training half`.

    Raises:
        CaptionganError: an import in the block finds a package missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise CaptionganError(
            f"{what} needs the package '{error.name}', which is not installed; install "
            f"{half}: pip install 'captiongan[{name}]', or as README.md says in a clone"
        ) from error
