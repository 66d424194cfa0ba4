"""Which of several processes speaks for all: known without PyTorch, from what `torchrun` says."""

import os
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

Given = ParamSpec("Given")


def leads() -> bool:
    """Whether this process writes, scores and speaks for all: the first, or one on its own."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK") == "0"


def led(act: Callable[Given, None]) -> Callable[Given, None]:
    """Let something be done by the first process only."""

    @wraps(act)
    def only_by_the_first(*args: Given.args, **options: Given.kwargs) -> None:
        if leads():
            act(*args, **options)

    return only_by_the_first
