"""Warnings while several threads decode."""

import io
import threading
import warnings
from pathlib import Path

import pytest
from PIL import Image

from captiongan import picture_file
from captiongan.picture_file import decode_picture


def test_threads_that_decode_at_once_hear_no_warnings_and_leave_them_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    before = list(warnings.filters)
    both_inside, first_left = threading.Barrier(2, timeout=30), threading.Event()
    open_it = Image.open

    def warn_and_open(file: Path | io.BytesIO, formats: tuple[str, ...]) -> Image.Image:
        both_inside.wait()
        if threading.current_thread() is last:
            assert first_left.wait(30)
        warnings.warn("a doubtful picture", stacklevel=1)
        return open_it(file, formats=formats)

    monkeypatch.setattr(picture_file.Image, "open", warn_and_open)
    decoded: list[Image.Image] = []

    def decode() -> None:
        decoded.append(decode_picture(content.getvalue(), "x.png"))

    last = threading.Thread(target=decode)
    last.start()
    decode()
    first_left.set()
    last.join(30)
    assert len(decoded) == 2
    assert list(warnings.filters) == before
