"""A Ray cluster: calls functions of this process on the cores of many machines."""

import os
import socket
import warnings
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from captiongan.base.threads import AHEAD
from captiongan.errors import BulkError

SECONDS_TO_ANSWER = 10
"""How long an address has to answer; Ray itself would try for many minutes."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to, and its number of cores."""

    cores: int

    @classmethod
    def connect(cls, address: str) -> Self:
        """Connect to a cluster.

        Args:
            address: the cluster's; `auto` for the one that this machine is part of; `local` for
                one of its own on this machine. A program that has called `ray.init` stays with
                that cluster.

        Raises:
            BulkError: Ray is not installed, or no cluster answers.
        """
        try:
            import ray
        except ModuleNotFoundError as error:
            raise BulkError(
                f"drawing on Ray needs the package '{error.name}', which is not installed; "
                "pip install 'captiongan[ray]'"
            ) from error
        if not ray.is_initialized():
            _start(address)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        return cls(max(1, int(resources.get("CPU", 0))))

    def as_they_end(
        self, function: Callable[[Given], Made], items: Iterable[Given]
    ) -> Generator[Made, None, None]:
        """Yield `function(item)` for each item, whichever is ready first.

        Each item is a task on one core, and only a few are in progress at a time. An error of the
        function is raised here, and its warnings are repeated here; after an error, and when the
        generator is closed, the running tasks are cancelled.
        """
        import ray

        call: Any = ray.remote(num_cpus=1)(_call)
        running: list[Any] = []
        try:
            for item in items:
                running.append(call.remote(function, item))
                if len(running) == AHEAD * self.cores:
                    yield _next_of(running)
            while running:
                yield _next_of(running)
        except ray.exceptions.RayTaskError as failed:
            raise failed.cause from failed
        finally:
            for task in running:
                ray.cancel(task, force=True)


def _start(address: str) -> None:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        if "://" not in address and ":" in address:
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
        ray.init(address, include_dashboard=False, log_to_driver=False)
    except (OSError, ValueError) as error:
        raise BulkError(
            f"no Ray cluster at '{address}' ({error}); give the address of one, or 'local'"
        ) from error


def _call(
    function: Callable[[Given], Made], item: Given
) -> tuple[Made, list[warnings.WarningMessage]]:
    """Call the function; return its warnings too, which no one would see there."""
    with warnings.catch_warnings(record=True) as told:
        return function(item), told


def _next_of(running: list[Any]) -> Any:
    """Wait for a task, take it off the list, repeat its warnings, and return its result."""
    import ray

    (ready,), _ = ray.wait(running)
    running.remove(ready)
    made, told = ray.get(ready)
    for warning in told:
        warnings.warn(warning.message, stacklevel=2)
    return made
