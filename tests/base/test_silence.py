"""Warnings while several threads decode."""

import io
import threading
import warnings

import pytest
from PIL import Image

from captiongan.base.image_reading import decode_picture


def test_threads_that_decode_at_once_hear_no_warnings_and_leave_them_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, "PNG")
    before = list(warnings.filters)
    second_inside, first_left = threading.Event(), threading.Event()
    decoded: list[Image.Image] = []
    open_it = Image.open

    def decode() -> None:
        decoded.append(decode_picture(content.getvalue(), "x.png"))

    second = threading.Thread(target=decode)

    def open_with_a_warning(file: io.BytesIO, formats: tuple[str, ...]) -> Image.Image:
        if threading.current_thread() is second:
            second_inside.set()
            assert first_left.wait(30)
        else:
            second.start()
            assert second_inside.wait(30)
        warnings.warn("a doubtful picture", stacklevel=1)
        return open_it(file, formats=formats)

    monkeypatch.setattr(Image, "open", open_with_a_warning)
    decode()
    first_left.set()
    second.join(30)
    assert len(decoded) == 2
    assert list(warnings.filters) == before
