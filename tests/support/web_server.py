"""The web half under test: an application in this process, or a server in one of its own."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastapi.testclient import TestClient

from captiongan.bundle.bundle import Bundle
from captiongan.bundle.text_encoder import Embeddings
from captiongan.draw.noise import Noise
from captiongan.draw.pipeline import Pipeline, Pixels
from captiongan.web.access import Access
from captiongan.web.app import create_app
from captiongan.web.limits import Limits


@contextmanager
def asking(
    pipelines: Sequence[Pipeline], limits: Limits | None = None, access: Access | None = None
) -> Iterator[TestClient]:
    """Give a client of an application that draws with `pipelines`."""
    with TestClient(create_app(pipelines, limits, access)) as client:
        yield client


@contextmanager
def serving(*arguments: object) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `captiongan serve` on a free port; give its address and its process."""
    command = [sys.executable, "-m", "captiongan", "serve", "--port", "0", *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.terminate()
            process.communicate(timeout=60)


class HeldPipeline(Pipeline):
    """A pipeline that draws nothing until `go` is set; `batches` has the sizes of what it drew."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.begun, self.go = threading.Event(), threading.Event()
        self.batches: list[int] = []

    def draw(self, noise: Noise, embedding: Embeddings) -> Pixels:
        self.begun.set()
        assert self.go.wait(60)
        self.batches.append(len(noise))
        return super().draw(noise, embedding)
