"""Hostile files, made at random from good ones: pictures, lines of metadata, bundles.

Whatever comes of them must be an answer or one of our own errors. Each kind is tried in a child
process, so that a crash of a library would be counted and not end the count.
"""

import hashlib
import io
import json
import multiprocessing
import random
import resource
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

from captiongan.bundle.bundle import find_bundle, read_bundle
from captiongan.bundle.manifest import MANIFEST, FileFacts
from captiongan.bundle.text_encoder import ENCODER_FILES
from captiongan.data.folder import METADATA, Reject, read_captioned_folder
from captiongan.errors import CaptionganError
from captiongan.opening import load

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
MODES = ("RGB", "RGBA", "L", "P", "CMYK", "I;16", "1")

HOSTILE_TEXTS = ("", " ", "..", "/etc/passwd", "../a.png", "a.png/", "A.PNG", "./a.png", "a\0b")
HOSTILE_VALUES: tuple[object, ...] = (
    *HOSTILE_TEXTS,
    *("\ud800", "é" * 300, "a" * 100_000, None, True, -1, 1e300),
    *([], [[]], ["", " "], {}, {"a": {}}),
)

Try = Callable[[random.Random, Path], str]
"""Makes one hostile input in a folder of its own and tries it; says what came of it."""


@dataclass(frozen=True)
class Tried:
    """Inputs of one kind: `answers` counts what came of them.

    `crashes` are errors that are not ours, and processes that died; `megabytes` the most memory
    that the process held.
    """

    inputs: int
    answers: dict[str, int]
    crashes: list[str]
    megabytes: int


def try_inputs(attempt: Try, inputs: int, seed: int) -> Tried:
    """Try so many inputs, the n-th of which follows from `seed` and n."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_try_all, args=(attempt, inputs, seed, sending))
    child.start()
    sending.close()
    answers: dict[str, int] = {}
    crashes: list[str] = []
    megabytes = tried = 0
    while True:
        try:
            answer, crash, megabytes = receiving.recv()
        except EOFError:
            break
        tried += 1
        answers[answer] = answers.get(answer, 0) + 1
        crashes += [crash] if crash else []
    child.join()
    if tried < inputs:
        crashes.append(f"input {tried}: the process ended with code {child.exitcode}")
    return Tried(tried, answers, crashes, megabytes)


def _try_all(attempt: Try, inputs: int, seed: int, sending: Connection) -> None:
    warnings.simplefilter("ignore")
    for number in range(inputs):
        crash = ""
        with tempfile.TemporaryDirectory() as folder:
            try:
                answer = attempt(random.Random(f"{seed} {number}"), Path(folder))
            except CaptionganError as error:
                answer, crash = type(error).__name__, _unlike_ours(number, str(error))
            except Exception as error:  # which is what is looked for
                answer, crash = "crash", f"input {number}: {type(error).__name__}: {error}"
        sending.send((answer, crash, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
    sending.close()


def _unlike_ours(number: int, message: str) -> str:
    return f"input {number}: an error of several lines" if "\n" in message else ""


def hostile_picture(moments: random.Random, folder: Path) -> str:
    """Damage a picture of any format and mode, and read the folder that it is in."""
    name = moments.choice(FORMATS)
    picture = Image.fromarray(
        np.random.RandomState(moments.getrandbits(32)).randint(0, 256, (80, 90, 3), np.uint8)
    )
    content = io.BytesIO()
    try:
        picture.convert(moments.choice(MODES)).save(content, name)
    except (OSError, ValueError):  # not every format has every mode
        picture.save(content, name)
    (folder / "a.png").write_bytes(damaged(content.getvalue(), moments))
    (folder / METADATA).write_text('{"file_name": "a.png", "text": "a red flower"}\n')
    return _read(folder)


def hostile_line(moments: random.Random, folder: Path) -> str:
    """Damage a line of metadata, as text or as a tree, and read its folder."""
    Image.new("RGB", (70, 70)).save(folder / "a.png")
    line: dict[str, object] = {"file_name": "a.png", "text": ["a red flower"], "class": "x"}
    key = moments.choice([*line, "other"])
    line[key] = moments.choice(HOSTILE_VALUES)
    content = json.dumps(line).encode()
    if moments.random() < 0.5:
        content = damaged(content, moments)
    (folder / METADATA).write_bytes(content + b"\n" + b"[" * moments.choice([0, 0, 0, 100_000]))
    return _read(folder)


def hostile_bundle(moments: random.Random, folder: Path) -> str:
    """Damage a file of a shipped bundle, put the manifest right where that can be, and draw."""
    source, bundle = find_bundle("birds"), folder / "bundle"
    bundle.mkdir()
    files = [*read_bundle(source).manifest.files, MANIFEST]
    for name in files:
        (bundle / name).write_bytes((source / name).read_bytes())
    target = moments.choice(files)
    (bundle / target).write_bytes(damaged((bundle / target).read_bytes(), moments))
    if target != MANIFEST:
        _vouch_for(bundle, target)
    load(bundle).generate("a red bird", best_of=2)
    return "drawn"


def damaged(content: bytes, moments: random.Random) -> bytes:
    """Return content with a few bytes changed, often near its start; sometimes cut or grown."""
    changed = bytearray(content)
    for _ in range(moments.choice([1, 1, 2, 8])):
        reach = moments.choice([64, 1024, len(changed)])
        place = moments.randrange(min(reach, len(changed)))
        changed[place] = moments.choice([0, 0x7F, 0xFF, moments.randrange(256)])
    if moments.random() < 0.2:
        del changed[moments.randrange(len(changed)) :]
    if moments.random() < 0.1:
        changed += moments.randbytes(100)
    return bytes(changed)


def _read(folder: Path) -> str:
    items = list(read_captioned_folder(folder, 64))
    return next((item.kind for item in items if isinstance(item, Reject)), "read")


def _vouch_for(bundle: Path, name: str) -> None:
    """Write the true size and sha256 of a file into the manifest, as an attacker would."""
    manifest = json.loads((bundle / MANIFEST).read_bytes())
    facts = FileFacts.of(bundle / name)
    manifest["files"][name] = {"bytes": facts.size, "sha256": facts.sha256}
    parts = b"".join((bundle / part).read_bytes() for part in ENCODER_FILES)
    manifest["text_encoder"]["sha256"] = hashlib.sha256(parts).hexdigest()
    (bundle / MANIFEST).write_text(json.dumps(manifest))


KINDS: dict[str, Try] = {
    "pictures": hostile_picture,
    "lines of metadata": hostile_line,
    "bundles": hostile_bundle,
}
