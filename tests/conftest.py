from pathlib import Path

import pytest
from hypothesis import settings

from captiongan.bundle import Bundle
from captiongan.cache import CACHE_VARIABLE
from captiongan.pipeline import Pipeline
from tiny_bundle import write_tiny_bundle

# A slow machine breaks no promise: speed is measured in benchmarks/.
settings.register_profile("whatever the machine", deadline=None)
settings.load_profile("whatever the machine")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a cache of its own, never the user's; it is made when first used."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "captiongan-cache"))


@pytest.fixture
def tiny(tmp_path: Path) -> Bundle:
    """A fresh bundle that a test may damage."""
    return write_tiny_bundle(tmp_path / "tiny")


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny"))
