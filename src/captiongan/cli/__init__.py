"""The command line: arguments in, one call, lines out.

Each module holds the verbs of one subject. The verbs import what is heavy when they run, so that
`--help` is quick and drawing needs no PyTorch.
"""

from captiongan.cli.main import app, main, run

__all__ = ["app", "main", "run"]
