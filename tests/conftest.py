from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser

from captiongan.base.cache import CACHE_VARIABLE
from captiongan.bundle.bundle import Bundle
from captiongan.draw.pipeline import Pipeline
from support.tiny_bundle import write_tiny_bundle
from support.visitor import TOKEN, Visitor, open_chromium, serving

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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser; while it is open an event loop runs, which tests of coroutines must not meet."""
    with open_chromium() as browser:
        yield browser


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    """Opens pages; at the end of the test they must all have been well."""
    visitor = Visitor(chromium)
    yield visitor
    visitor.leave()


@pytest.fixture(scope="session")
def studio() -> Iterator[str]:
    """The address of a studio with two of the shipped bundles."""
    with serving("serve", "--bundle", "flowers", "--bundle", "birds") as address:
        yield address


@pytest.fixture
def guarded(tiny: Bundle) -> Iterator[str]:
    """The address of a studio that wants `TOKEN`."""
    with serving("serve", "--bundle", tiny.folder, token=TOKEN) as address:
        yield address
