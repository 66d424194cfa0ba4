"""What the file system refuses is one line: what, why, and what to do."""

import errno

import pytest

from captiongan.base.files import os_errors_as
from captiongan.errors import DataError, OutputError


def test_an_error_of_the_system_becomes_one_line_of_the_class_asked_for() -> None:
    refused = pytest.raises(DataError, match=r"^folder 'a' cannot be read \(No room\); make some$")
    with refused, os_errors_as(DataError, "folder 'a' cannot be read", "make some"):
        raise OSError(errno.ENOSPC, "No room", "a")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No room", "a/inner"), "No room: 'a/inner'"),
        (OSError("a foreign reader's own words"), "a foreign reader's own words"),
    ],
)
def test_the_line_names_the_file_at_fault_if_it_is_another(error: OSError, reason: str) -> None:
    with pytest.raises(OutputError) as told, os_errors_as(OutputError, "'a' is full", "empty it"):
        raise error
    assert str(told.value) == f"'a' is full ({reason}); empty it"


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="mine"), os_errors_as(OutputError, "a", "b"):
        raise ValueError("mine")
