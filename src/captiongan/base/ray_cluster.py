"""A Ray cluster: the same functions as in this process, called on the cores of many machines."""

import os
import socket
import warnings
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from captiongan.base.threads import AHEAD
from captiongan.errors import CaptionganError

SECONDS_TO_ANSWER = 10
"""How long an address is waited for; Ray itself would try for many minutes."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to, and how many cores it has."""

    cores: int

    @classmethod
    def connect(cls, address: str, work: str, refusal: type[CaptionganError]) -> Self:
        """Connect to a cluster.

        `address` is that of the cluster, `auto` for the one that this machine is part of, `local`
        for one of its own on this machine; a program that has called `ray.init` stays with its
        cluster. `work` is what is to be done there, for messages: `drawing`.

        Raises `refusal` if Ray is missing or not there.
        """
        try:
            import ray
        except ModuleNotFoundError as error:
            raise refusal(
                f"{work} on Ray needs the package '{error.name}', which is not installed; "
                "pip install 'captiongan[ray]'"
            ) from error
        if not ray.is_initialized():
            _start(address, refusal)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        return cls(max(1, int(resources.get("CPU", 0))))

    def in_order(
        self, function: Callable[[Given], Made], items: Iterable[Given]
    ) -> Generator[Made, None, None]:
        """Be the `Engine` of a cluster: each item is a task on one core."""
        return self._call_each(function, items, 1)

    def as_they_end(
        self, function: Callable[[Given], Made], items: Iterable[Given]
    ) -> Generator[Made, None, None]:
        """Yield `function(item)` for each item as `in_order` does, whichever is ready first."""
        return self._call_each(function, items, None)

    def _call_each(
        self, function: Callable[[Given], Made], items: Iterable[Given], choice: int | None
    ) -> Generator[Made, None, None]:
        """Keep all cores busy, and yield what the first `choice` tasks, or any, have made."""
        import ray

        call: Any = ray.remote(num_cpus=1)(_call)
        running: list[Any] = []
        try:
            for item in items:
                running.append(call.remote(function, item))
                if len(running) == AHEAD * self.cores:
                    yield _next_of(running, choice)
            while running:
                yield _next_of(running, choice)
        except ray.exceptions.RayTaskError as failed:
            raise failed.cause from failed
        finally:
            for task in running:
                ray.cancel(task, force=True)


def _start(address: str, refusal: type[CaptionganError]) -> None:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        if "://" not in address and ":" in address:
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
        ray.init(address, include_dashboard=False, log_to_driver=False)
    except (OSError, ValueError) as error:
        raise refusal(
            f"no Ray cluster at '{address}' ({error}); give the address of one, or 'local'"
        ) from error


def _call(
    function: Callable[[Given], Made], item: Given
) -> tuple[Made, list[warnings.WarningMessage]]:
    """Call the function; return its warnings, too, which nobody would hear there."""
    with warnings.catch_warnings(record=True) as told:
        return function(item), told


def _next_of(running: list[Any], choice: int | None) -> Any:
    """Wait for one of the tasks, take it off the list, tell its warnings, return what it made."""
    import ray

    (ready,), _ = ray.wait(running[:choice])
    running.remove(ready)
    made, told = ray.get(ready)
    for warning in told:
        warnings.warn(warning.message, stacklevel=2)
    return made
