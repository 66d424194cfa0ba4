"""Command lines that messages recommend."""

import shlex


def command(*words: object) -> str:
    """Return a command line of captiongan that a shell reads as these words."""
    return shlex.join(["captiongan", *map(str, words)])
