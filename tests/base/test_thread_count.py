import os
from pathlib import Path

import pytest

from captiongan.base import threads as threads_module
from captiongan.base.threads import threads as threads_to_use


@pytest.mark.parametrize("wanted, threads", [("3", 3), ("", 2), ("4,2", 2), ("0", 2), ("many", 2)])
def test_work_takes_the_threads_asked_for_or_the_cores_that_the_process_may_use(
    wanted: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5}, raising=False)
    monkeypatch.setattr(threads_module, "QUOTAS", ())
    assert threads_to_use() == threads


@pytest.mark.parametrize(
    "files, threads",
    [
        (["250000 100000\n"], 2),
        (["50000 100000\n"], 1),
        (["max 100000\n"], 4),
        (["300000\n", "100000\n"], 3),
        (["-1\n", "100000\n"], 4),
        (["strange"], 4),
    ],
)
def test_a_container_has_as_many_threads_as_its_quota_has_cores(
    files: list[str], threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / str(number) for number in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        path.write_text(content)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(threads_module, "QUOTAS", ((tmp_path / "none",), tuple(paths)))
    assert threads_to_use() == threads
