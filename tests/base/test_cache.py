"""Where derived data is kept, and that it is computed once."""

from pathlib import Path

import pytest

from captiongan.base.cache import CACHE_VARIABLE, cache_folder, cached
from captiongan.errors import OutputError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has not chosen a cache folder, on a system that has one."""
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setattr(
        "captiongan.base.cache.user_cache_path", lambda name, **_: tmp_path / "system" / name
    )
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_cache_is_where_the_system_keeps_caches(
    value: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv(CACHE_VARIABLE, value)
    assert cache_folder("pictures") == home / "system" / "captiongan" / "pictures"


def test_a_cache_of_an_earlier_version_is_used_on(home: Path) -> None:
    earlier = home / ".cache" / "captiongan"
    earlier.mkdir(parents=True)
    assert cache_folder("pictures") == earlier / "pictures"


def compute(content: bytes, calls: list[bytes]) -> bytes:
    calls.append(content)
    return content


def test_content_is_computed_once_and_again_only_if_its_file_is_damaged() -> None:
    calls: list[bytes] = []
    for _ in range(2):
        assert cached("tests", "numbers", lambda: compute(b"12345", calls)) == b"12345"
    assert len(calls) == 1
    file = cache_folder("tests") / "numbers"
    file.write_bytes(file.read_bytes()[:-1] + b"6")
    assert cached("tests", "numbers", lambda: compute(b"12345", calls)) == b"12345"
    assert len(calls) == 2


def test_a_cache_that_cannot_be_written_is_refused_with_the_variable_to_set() -> None:
    (cache_folder("tests") / "numbers").mkdir()
    with pytest.raises(OutputError, match=f"numbers' cannot be written .*set {CACHE_VARIABLE}"):
        cached("tests", "numbers", lambda: b"12345")


def test_without_a_home_it_is_one_line_with_the_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(OutputError, match=f"no home directory.*set {CACHE_VARIABLE} to a folder"):
        cache_folder("pictures")
