"""The page without a server in the other engine."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from captiongan.draw.pipeline import Pipeline
from captiongan.loading import load
from captiongan.page.page import write_page
from support.firefox import Firefox, open_firefox
from support.pages import assert_same_picture, hosted

DRAWN = "document.querySelectorAll('#gallery img').length === 16"
FIRST = "document.querySelector('#gallery img').src"
HEARD = "document.getElementById('error-words').textContent"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    with open_firefox(tmp_path_factory.mktemp("firefox")) as firefox:
        yield firefox


def assert_it_draws(firefox: Firefox, address: str, pipeline: Pipeline) -> None:
    firefox.open(address)
    firefox.wait_for(f"{DRAWN} || {HEARD}")
    assert firefox.ask(HEARD) == ""
    prompt = firefox.ask("document.getElementById('prompt').value")
    content = base64.b64decode(firefox.ask(FIRST).partition(",")[2])
    pixels = Image.open(io.BytesIO(content)).convert("RGB").tobytes()
    (expected,) = pipeline.generate(prompt, seed=7)
    assert_same_picture(pixels, expected.image.tobytes())


def test_both_forms_open_and_draw_in_firefox(firefox: Firefox, tmp_path: Path) -> None:
    flowers = load("flowers")
    write_page([flowers], tmp_path / "flowers.html")
    assert_it_draws(firefox, (tmp_path / "flowers.html").as_uri(), flowers)
    write_page([flowers], tmp_path / "site")
    with hosted(tmp_path / "site") as address:
        assert_it_draws(firefox, address, flowers)
