"""The command line: arguments in, one call, lines out.

Each module has the verbs of one subject. A verb imports heavy packages only when it runs, so that
`--help` is quick and drawing needs no PyTorch.
"""

from captiongan.cli.main import app, main, run

__all__ = ["app", "main", "run"]
