import os

import pytest

from captiongan.base.threads import threads as threads_to_use


@pytest.mark.parametrize("wanted, threads", [("3", 3), ("", 2), ("4,2", 2), ("0", 2), ("many", 2)])
def test_work_takes_the_threads_asked_for_or_the_cores_that_the_process_may_use(
    wanted: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5}, raising=False)
    assert threads_to_use() == threads
