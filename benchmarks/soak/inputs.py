"""Hostile files, made at random from good ones: pictures, metadata, bundles, checkpoints, prompts.

Whatever comes of them must be an answer or one of our own errors. Each kind is tried in a child
process, so that a crash of a library would be counted and not end the count.
"""

import io
import json
import multiprocessing
import random
import resource
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow
import torch
from PIL import Image
from pyarrow import parquet
from torch import Tensor

from benchmarks.soak.bundles import hostile_bundle
from benchmarks.soak.damage import damaged
from benchmarks.soak.sources import hostile_archive, hostile_columns, hostile_table
from captiongan.bulk.prompt_file import Reject as PromptReject
from captiongan.bulk.prompt_file import open_prompts
from captiongan.bundle.text_encoder import EncoderIdentity
from captiongan.data.folder import METADATA, Reject, read_captioned_folder
from captiongan.errors import CaptionganError
from captiongan.runs.checkpoint import MANIFEST as CHECKPOINT_MANIFEST
from captiongan.runs.checkpoint import checkpoints, save_checkpoint, sealed
from captiongan.runs.config import RunConfig
from captiongan.runs.run_folder import RunFolder

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


class _Few:
    """As little as a checkpoint can be taken of."""

    step = 5

    def state(self) -> Mapping[str, Mapping[str, Tensor]]:
        return {"average": {"weight": torch.ones(1)}}

    def restore(self, state: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        raise NotImplementedError


def hostile_checkpoint(moments: random.Random, folder: Path) -> str:
    """Change a bit or more of a manifest, or a value and the manifest's sha256 with it."""
    saved = save_checkpoint(_Few(), EncoderIdentity("stub", "ab" * 32), folder, 1, "cd" * 32)
    file = saved.path / CHECKPOINT_MANIFEST
    content, vouched = file.read_bytes(), moments.random() < 0.5
    if vouched:
        facts = json.loads(content)
        name = moments.choice([*facts, "other"])
        file.write_bytes(sealed(facts | {name: moments.choice(HOSTILE_VALUES)}))
    elif moments.random() < 0.5:
        file.write_bytes(damaged(content, moments))
    else:
        flipped = bytearray(content)
        flipped[moments.randrange(len(flipped))] ^= 1 << moments.randrange(8)
        file.write_bytes(flipped)
    found = checkpoints(folder)
    if found and (found[0].step, found[0].path) != (saved.step, saved.path):
        raise ValueError(f"taken for step {found[0].step}")
    if found and not vouched and found != [saved]:
        raise ValueError("changed unnoticed")
    return "used" if found else "passed over"


def hostile_config(moments: random.Random, folder: Path) -> str:
    """Damage a run's configuration, or make a few lines of it almost endless; read it."""
    config = RunFolder.make(folder / "run", RunConfig()).path / "config.yaml"
    first, more = moments.choice([("[x]", "[{}]"), ("{x: 1, y: 2}", "{{<<: [{}]}}")])
    lines = [f"a0: &a0 {first}"]
    lines += [
        f"a{number}: &a{number} " + more.format(", ".join([f"*a{number - 1}"] * 9))
        for number in range(1, moments.randrange(2, 12))
    ]
    endless = "\n".join([*lines, f"network: *a{len(lines) - 1}"])
    huge = f"network: 0x{'f' * moments.randrange(9_000)}"
    damage = damaged(config.read_bytes(), moments)
    config.write_bytes(moments.choice([endless.encode(), huge.encode(), damage, damage]))
    RunFolder.open(config.parent).config()
    return "read"


ROWS_OF_PROMPTS = 9


def hostile_prompts(moments: random.Random, folder: Path) -> str:
    """Damage a row of a file of prompts; all others must be read, those of parquet apart."""
    texts = [f"flower {number}" for number in range(ROWS_OF_PROMPTS)]
    ending, at = moments.choice(["txt", "jsonl", "csv", "parquet"]), moments.randrange(1, 9)
    file = folder / f"prompts.{ending}"
    if ending == "parquet":
        parquet.write_table(pyarrow.table({"prompt": texts}), file)
        file.write_bytes(damaged(file.read_bytes(), moments))
    else:
        lines = [json.dumps({"prompt": text}) if ending == "jsonl" else text for text in texts]
        lines = [*(["prompt"] if ending == "csv" else []), *lines]
        raw = [line.encode() for line in lines]
        raw[at] = damaged(moments.choice([b"", b'"']) + raw[at], moments).replace(b"\n", b"")
        file.write_bytes(b"\n".join(raw))
    with open_prompts(file) as prompts:
        rows = list(prompts.rows())
    read = [row.prompt for row in rows if not isinstance(row, PromptReject)]
    lost = {*texts} - {*read}
    if ending != "parquet" and len(lost) > 1:
        raise ValueError(f"{len(lost)} rows lost to one: {rows!r:.500}")
    return f"{ending}: {'read' if len(read) == len(rows) else 'rejects'}"


def _read(folder: Path) -> str:
    items = list(read_captioned_folder(folder, 64))
    return next((item.kind for item in items if isinstance(item, Reject)), "read")


KINDS: dict[str, Try] = {
    "pictures": hostile_picture,
    "lines of metadata": hostile_line,
    "archives": hostile_archive,
    "tables": hostile_table,
    "parquet and HDF5 files": hostile_columns,
    "bundles": hostile_bundle,
    "configurations of runs": hostile_config,
    "checkpoints": hostile_checkpoint,
    "prompts": hostile_prompts,
}
