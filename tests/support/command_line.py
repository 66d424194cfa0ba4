"""The command line, run in this process."""

import sys

import pytest

from captiongan import cli


def captiongan(*arguments: object) -> int:
    """Run `captiongan` with these arguments; return its exit code."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["captiongan", *map(str, arguments)])
        cli.main()
    code = ended.value.code
    return code if isinstance(code, int) else 0
