"""The manifest of a bundle, `bundle.json`: its facts, their rules, and the files that it lists.

The format is in `docs/bundle-format.md`.
"""

import hashlib
import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any, Self, TypeVar

from captiongan.base.safe_reading import read_regular
from captiongan.base.schemas import BUNDLE, CARD, newest, of_today
from captiongan.bundle import fields
from captiongan.bundle.languages import ENGLISH
from captiongan.bundle.subject import Subject
from captiongan.bundle.text_encoder import ENCODER_FILES, EncoderIdentity
from captiongan.errors import BundleError
from captiongan.version import __version__

MANIFEST = fields.MANIFEST
GENERATOR_FILE = "generator.onnx"
MODEL_FILES = (GENERATOR_FILE, *ENCODER_FILES)
"""The files that every bundle has and the manifest lists."""

STYLE_FILE = "style_encoder.onnx"
"""In a bundle that can restyle."""

CRITIC_FILE = "discriminator.safetensors"
RANKER_FILE = "ranker.onnx"
"""In a bundle that also holds its discriminator, and in one that can keep the best of several."""

OPTIONAL_FILES = (STYLE_FILE, CRITIC_FILE, RANKER_FILE)
"""The files that a bundle may have; the manifest lists those that it has."""

CARD_FILE = "README.md"
CARD_FILES = (CARD_FILE, "sample.png")
"""The files of the model card; users may edit them, so the manifest does not list them."""

LARGEST_FILE = 2**30
LARGEST_SIDE, LARGEST_VECTOR = 4096, 2**16
"""Upper bounds in bytes, pixels and numbers: far above any use, far below any harm."""

Known = TypeVar("Known")


@dataclass(frozen=True)
class FileFacts:
    """The identity of a file: its size in bytes and its sha256 in hexadecimal."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Measure a regular file of at most `LARGEST_FILE` bytes; raises OSError for any other."""
        return cls.of_content(read_regular(path, path.parent, LARGEST_FILE))

    @classmethod
    def of_content(cls, content: bytes) -> Self:
        """Measure what was read of a file."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class DataFacts:
    """The training data: its name, and how many pictures, captions, classes and skipped lines."""

    name: str
    pictures: int
    captions: int
    classes: int
    skipped: int

    @classmethod
    def from_facts(cls, facts: object) -> Self | None:
        """Return what JSON says; None unless every field is there and has its type."""
        if not isinstance(facts, dict):
            return None
        values: list[Any] = [facts.get(each.name) for each in fields_of(cls)]
        name, *counts = values
        known = isinstance(name, str) and all(isinstance(count, int) for count in counts)
        return cls(name, *counts) if known else None


@dataclass(frozen=True)
class TrainingFacts:
    """How a bundle was trained; None where the bundle does not say.

    `kimg` is thousand pictures shown. `extractors` are the networks that had a part and so must not
    score the bundle. `config` holds the run's options, `style` and `ranker` their own trainings,
    `student` which bundle taught this one.
    """

    kimg: float | None = None
    steps: int | None = None
    data: DataFacts | None = None
    extractors: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None
    style: Mapping[str, Any] | None = None
    ranker: Mapping[str, Any] | None = None
    student: Mapping[str, Any] | None = None

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, object]) -> Self:
        """Read the object `training` of a manifest; a fact of the wrong type counts as missing.

        Raises BundleError if it is no object, or `extractors` is no list of names: none may pass as
        one that did not train the bundle.
        """
        facts = fields.mapping(manifest, "training")
        listed = "extractors" in facts
        return cls(
            kimg=_number(facts.get("kimg")),
            steps=_of_type(int, facts.get("steps")),
            data=DataFacts.from_facts(facts.get("data")),
            extractors=fields.texts(manifest, "training", "extractors") if listed else (),
            config=_of_type(dict, facts.get("config")),
            style=_of_type(dict, facts.get("style")),
            ranker=_of_type(dict, facts.get("ranker")),
            student=_of_type(dict, facts.get("student")),
        )

    def to_facts(self) -> dict[str, object]:
        """Return the known facts as JSON has them."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class BundleManifest:
    """The facts in `bundle.json`.

    `resolution` is the side of a picture in pixels. `noise_dim` and `embedding_dim` are the lengths
    of the generator's two inputs. With `mirror_by_seed`, one bit of a seed decides whether its
    finished picture is mirrored left to right, see `captiongan.draw.noise.mirror_of`. `languages`
    are ISO codes. `sample_prompts` are those of the model card's sample. `subject` is None where
    the bundle does not say what the captions of its training data are about. `files` has an entry
    for each of `MODEL_FILES` and of `OPTIONAL_FILES` in the bundle; `write_bundle` fills it in.
    """

    name: str
    version: str
    resolution: int
    noise_dim: int
    embedding_dim: int
    text_encoder: EncoderIdentity
    mirror_by_seed: bool = False
    languages: tuple[str, ...] = (ENGLISH,)
    sample_prompts: tuple[str, ...] = ()
    training: TrainingFacts = field(default_factory=TrainingFacts)
    subject: Subject | None = None
    captiongan: str = __version__
    files: Mapping[str, FileFacts] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str | bytes, card: str = "") -> Self:
        """Read a manifest of any schema up to today's; unknown fields are ignored.

        Args:
            text: the content of `bundle.json`.
            card: the content of `README.md`, which lists the sample prompts of schemas 1 and 2.

        Raises:
            BundleError: a field breaks a rule, or the schema is a later one.
        """
        facts = _parse(text)
        fields.count(facts, "schema")
        facts = of_today({**facts, CARD: card}, BUNDLE, MANIFEST, BundleError)
        embedding_dim = fields.count(facts, "embedding_dim", most=LARGEST_VECTOR)
        return cls(
            name=fields.text(facts, "name"),
            version=fields.text(facts, "version"),
            resolution=fields.count(facts, "resolution", most=LARGEST_SIDE),
            noise_dim=fields.count(facts, "noise_dim", most=LARGEST_VECTOR),
            embedding_dim=embedding_dim,
            text_encoder=EncoderIdentity(
                fields.text(facts, "text_encoder", "name"),
                fields.sha256(facts, "text_encoder", "sha256"),
            ),
            mirror_by_seed=fields.flag(facts, "mirror_by_seed"),
            languages=fields.texts(facts, "languages"),
            sample_prompts=fields.texts(facts, "sample_prompts"),
            training=TrainingFacts.from_manifest(facts),
            subject=Subject.from_facts(facts, embedding_dim),
            captiongan=fields.text(facts, "captiongan"),
            files={
                name: FileFacts(
                    fields.count(facts, "files", name, "bytes", most=LARGEST_FILE),
                    fields.sha256(facts, "files", name, "sha256"),
                )
                for name in _listed_files(facts)
            },
        )

    def to_json(self) -> str:
        """Write the manifest as indented JSON that `from_json` reads back as an equal one."""
        facts = {
            "schema": newest(BUNDLE),
            "name": self.name,
            "version": self.version,
            "captiongan": self.captiongan,
            "resolution": self.resolution,
            "noise_dim": self.noise_dim,
            "embedding_dim": self.embedding_dim,
            "text_encoder": asdict(self.text_encoder),
            "mirror_by_seed": self.mirror_by_seed,
            "languages": self.languages,
            "sample_prompts": self.sample_prompts,
            "training": self.training.to_facts(),
            "subject": self.subject and self.subject.to_facts(),
            "files": {
                name: {"bytes": file.size, "sha256": file.sha256}
                for name, file in self.files.items()
            },
        }
        known = {name: value for name, value in facts.items() if value is not None}
        return json.dumps(known, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _parse(text: str | bytes) -> Mapping[str, object]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        fault = f"{MANIFEST} is not JSON ({error}); copy or download the bundle again"
        raise BundleError(fault) from error
    if not isinstance(facts, dict):
        raise BundleError(
            f"{MANIFEST} is {reprlib.repr(facts)}, must be a JSON object; "
            "name a folder written by `captiongan export`"
        )
    return facts


def _listed_files(facts: Mapping[str, object]) -> tuple[str, ...]:
    listed = (
        name for name in OPTIONAL_FILES if fields.value_at(facts, ("files", name)) is not None
    )
    return (*MODEL_FILES, *listed)


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and -math.inf < value < math.inf else None


def _of_type(kind: type[Known], value: object) -> Known | None:
    return value if isinstance(value, kind) else None
