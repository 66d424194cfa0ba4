"""Whether this process is the main one, from the environment and without PyTorch."""

import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

Given = ParamSpec("Given")


def is_main_process() -> bool:
    """Return whether this process writes, scores and prints: rank 0, or a single process."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK") == "0"


def main_process_only(act: Callable[Given, None]) -> Callable[Given, None]:
    """Return a function that calls `act` in the main process and does nothing in the others."""

    @wraps(act)
    def in_main_process(*args: Given.args, **options: Given.kwargs) -> None:
        if is_main_process():
            act(*args, **options)

    return in_main_process
