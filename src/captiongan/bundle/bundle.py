"""The bundle: one folder that turns a sentence into pictures.

The seam between training and drawing. Nothing in it runs code on loading, and every file but those
of the model card is checked against the manifest `bundle.json` first. The format is in
`docs/bundle-format.md`.
"""

import json
import os
import reprlib
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from captiongan import __version__
from captiongan.base.files import os_errors_as, sha256_of, whole_folder
from captiongan.base.schemas import BUNDLE, newest, of_today
from captiongan.bundle.text_encoder import ENCODER_FILES, EncoderIdentity
from captiongan.errors import BundleError, OutputError

MANIFEST = "bundle.json"
GENERATOR_FILE = "generator.onnx"
MODEL_FILES = (GENERATOR_FILE, *ENCODER_FILES)
STYLE_FILE = "style_encoder.onnx"
"""What a bundle has, beyond `MODEL_FILES`, if it can restyle."""

CRITIC_FILE = "discriminator.safetensors"
"""What a bundle has, beyond `MODEL_FILES`, if its discriminator travels with it."""

RANKER_FILE = "ranker.onnx"
"""What a bundle has, beyond `MODEL_FILES`, if it can keep the best of several pictures."""

OPTIONAL_FILES = (STYLE_FILE, CRITIC_FILE, RANKER_FILE)

CARD_FILES = ("README.md", "sample.png")

LARGEST_MANIFEST = 2**20
LARGEST_FILE = 2**30
LARGEST_SIDE = 4096
LARGEST_VECTOR = 2**16
"""Bounds of what is read, in bytes, pixels and numbers: far above any use, far below any harm."""

_SHIPPED = Path(__file__).parents[1] / "bundles"


@dataclass(frozen=True)
class FileFacts:
    """What a file must be, to the last bit: its size in bytes and its sha256 in hexadecimal."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Measure the file at `path`; raises OSError if it cannot be read."""
        return cls(path.stat().st_size, sha256_of(path))


@dataclass(frozen=True)
class BundleManifest:
    """The facts in `bundle.json`.

    `resolution` is the side of a picture in pixels; `noise_dim` and `embedding_dim` are the lengths
    of the generator's two inputs; `training` holds any facts that JSON can hold; `files` has one
    entry for each of `MODEL_FILES`, and for those of `OPTIONAL_FILES` that the bundle has, and is
    filled in by `write_bundle`. With `mirror_by_seed`, one bit of a seed says whether its finished
    picture is mirrored left to right, see `captiongan.draw.pipeline.mirror_of`.
    """

    name: str
    version: str
    resolution: int
    noise_dim: int
    embedding_dim: int
    text_encoder: EncoderIdentity
    mirror_by_seed: bool = False
    training: Mapping[str, object] = field(default_factory=dict)
    captiongan: str = __version__
    files: Mapping[str, FileFacts] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the manifest; raises BundleError naming the field that breaks a rule, and the rule.

        Fields that this version does not know are passed over.
        """
        facts = _parse(text)
        _count(facts, "schema")
        facts = of_today(facts, BUNDLE, MANIFEST, BundleError)
        return cls(
            name=_text(facts, "name"),
            version=_text(facts, "version"),
            resolution=_count(facts, "resolution", most=LARGEST_SIDE),
            noise_dim=_count(facts, "noise_dim", most=LARGEST_VECTOR),
            embedding_dim=_count(facts, "embedding_dim", most=LARGEST_VECTOR),
            text_encoder=EncoderIdentity(
                _text(facts, "text_encoder", "name"), _sha256(facts, "text_encoder", "sha256")
            ),
            mirror_by_seed=_flag(facts, "mirror_by_seed"),
            training=_object(facts, "training"),
            captiongan=_text(facts, "captiongan"),
            files={
                name: FileFacts(
                    _count(facts, "files", name, "bytes", most=LARGEST_FILE),
                    _sha256(facts, "files", name, "sha256"),
                )
                for name in _model_files(facts)
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
            "text_encoder": {
                "name": self.text_encoder.name,
                "sha256": self.text_encoder.sha256,
            },
            "mirror_by_seed": self.mirror_by_seed,
            "training": dict(self.training),
            "files": {
                name: {"bytes": file.size, "sha256": file.sha256}
                for name, file in self.files.items()
            },
        }
        return json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class Bundle:
    """A folder whose files are what its manifest says."""

    folder: Path
    manifest: BundleManifest

    @property
    def can_restyle(self) -> bool:
        """Whether it has a style encoder."""
        return STYLE_FILE in self.manifest.files

    @property
    def has_critic(self) -> bool:
        """Whether the discriminator that its generator was trained against travels with it."""
        return CRITIC_FILE in self.manifest.files

    @property
    def has_ranker(self) -> bool:
        """Whether it can score pictures, and so keep the best of several."""
        return RANKER_FILE in self.manifest.files

    @property
    def is_shipped(self) -> bool:
        """Whether it came with this package, and can be opened by its name alone."""
        return self.folder.parent == _SHIPPED

    @property
    def card(self) -> str:
        """The model card; empty if there is none that can be read."""
        try:
            return (self.folder / "README.md").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""


def shipped_bundles() -> list[str]:
    """Return the names of the bundles that come with this package, sorted."""
    return sorted(path.parent.name for path in _SHIPPED.glob(f"*/{MANIFEST}"))


def find_bundle(name_or_path: str | Path) -> Path:
    """Return the folder of a bundle: a shipped one by its name, any other by its path.

    A shipped name goes before a folder of that name in the working directory (write "./flowers" for
    the latter). Raises BundleError if neither is there.
    """
    if name_or_path in shipped_bundles():
        return _SHIPPED / name_or_path
    folder = Path(name_or_path)
    with _reading(folder):
        if folder.is_dir():
            return folder
    shipped = ", ".join(shipped_bundles()) or "none with this version"
    raise BundleError(
        f"bundle {reprlib.repr(str(name_or_path))} is neither a folder nor a bundle shipped with "
        f"captiongan (shipped: {shipped}); name one of these, or a folder written by "
        "`captiongan export`"
    )


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle: its manifest, then the size and sha256 of each file in it.

    Raises BundleError if `folder` is not a bundle, is damaged or needs a newer captiongan.
    """
    with _reading(folder):
        if not (folder / MANIFEST).is_file():
            raise BundleError(
                f"'{folder}' is not a bundle: it has no {MANIFEST}; "
                "name a folder written by `captiongan export`"
            )
        size = (folder / MANIFEST).stat().st_size
        if size > LARGEST_MANIFEST:
            raise BundleError(
                f"'{folder / MANIFEST}' has {size:,} bytes, at most {LARGEST_MANIFEST:,} are read; "
                "name a folder written by `captiongan export`"
            )
        manifest = BundleManifest.from_json((folder / MANIFEST).read_bytes())
        for name, facts in manifest.files.items():
            _check_file(folder, name, facts)
    return Bundle(folder, manifest)


def contents(bundle: Bundle) -> dict[str, bytes]:
    """Return the content of each file but the manifest, for `write_bundle` to write a copy.

    Raises BundleError if one cannot be read, or the model card is not UTF-8.
    """
    files = {}
    for name in (*bundle.manifest.files, *CARD_FILES):
        what = f"bundle '{bundle.folder}' has no readable {name}"
        with os_errors_as(BundleError, what, "restore the file, or copy the bundle again"):
            files[name] = (bundle.folder / name).read_bytes()
    try:
        files["README.md"].decode()
    except UnicodeDecodeError as error:
        raise BundleError(
            f"bundle '{bundle.folder}': README.md is not UTF-8 ({error.reason} at byte "
            f"{error.start}); save it as UTF-8"
        ) from error
    return files


def write_bundle(out: Path, files: Mapping[str, Path | bytes], manifest: BundleManifest) -> Bundle:
    """Write a bundle to `out`, which appears whole or not at all.

    `files` gives the content of each of `MODEL_FILES` and `CARD_FILES`, and of any of
    `OPTIONAL_FILES`, as bytes or as a file to copy; `manifest.files` is measured here. Raises
    OutputError if `out` holds something or cannot be written, BundleError if the result would not
    be read back.
    """
    _check_complete(files)
    check_vacant(out)
    what = f"bundle folder '{out}' cannot be written"
    with (
        os_errors_as(OutputError, what, "fix that, or choose another place"),
        whole_folder(out) as folder,
    ):
        _write_files(folder, files)
        _write_manifest(folder, manifest)
        written = read_bundle(folder)
    return replace(written, folder=out)


def _check_complete(files: Mapping[str, Path | bytes]) -> None:
    expected = {*MODEL_FILES, *CARD_FILES}
    if files.keys() - {*OPTIONAL_FILES} != expected:
        raise BundleError(
            f"files are {', '.join(sorted(files)) or 'none'}; a bundle has exactly "
            f"{', '.join(sorted(expected))}, and perhaps {', '.join(OPTIONAL_FILES)}; "
            "give each of these and no other"
        )


def check_vacant(out: Path) -> None:
    """Make sure that a bundle can be written to `out`, before there is one.

    Raises:
        OutputError: `out` holds something, or nothing may be written where it is to be.
    """
    what = f"bundle folder '{out}' cannot be examined"
    with os_errors_as(OutputError, what, "choose another place"):
        vacant = not out.exists() or (out.is_dir() and not any(out.iterdir()))
        parent = next(folder for folder in out.absolute().parents if folder.exists())
        writable = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    if not vacant:
        raise OutputError(
            f"bundle folder '{out}' exists already and is not an empty folder; "
            "remove it or choose another"
        )
    if not writable:
        raise OutputError(
            f"bundle folder '{out}' cannot be made: '{parent}' is not a folder to write in; "
            "choose another place"
        )


def _write_files(folder: Path, files: Mapping[str, Path | bytes]) -> None:
    for name, content in files.items():
        if isinstance(content, Path):
            shutil.copyfile(content, folder / name)
        else:
            (folder / name).write_bytes(content)


def _write_manifest(folder: Path, manifest: BundleManifest) -> None:
    optional = (name for name in OPTIONAL_FILES if (folder / name).exists())
    files = {name: FileFacts.of(folder / name) for name in (*MODEL_FILES, *optional)}
    measured = replace(manifest, files=files)
    (folder / MANIFEST).write_text(measured.to_json(), encoding="utf-8")


def _reading(folder: Path) -> AbstractContextManager[None]:
    what = f"bundle {reprlib.repr(str(folder))} cannot be read"
    return os_errors_as(BundleError, what, "check its path and permissions")


def _check_file(folder: Path, name: str, facts: FileFacts) -> None:
    path = folder / name
    again = "copy or download the bundle again"
    if not path.is_file():
        raise BundleError(f"bundle '{folder}' has no {name}; {again}")
    size = path.stat().st_size
    if size != facts.size:
        raise BundleError(
            f"bundle '{folder}': {name} has {size} bytes, {MANIFEST} says {facts.size}; {again}"
        )
    sha256 = FileFacts.of(path).sha256
    if sha256 != facts.sha256:
        raise BundleError(
            f"bundle '{folder}': {name} has sha256 {sha256[:12]}, {MANIFEST} says "
            f"{facts.sha256[:12]}: it was changed or damaged; {again}"
        )


def _parse(text: str | bytes) -> Mapping[str, object]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(
            f"{MANIFEST} is not JSON ({error}); copy or download the bundle again"
        ) from error
    if not isinstance(facts, dict):
        raise BundleError(
            f"{MANIFEST} is {reprlib.repr(facts)}, must be a JSON object; "
            "name a folder written by `captiongan export`"
        )
    return facts


def _value(facts: object, path: tuple[str, ...]) -> object:
    """Follow `path` through nested objects; None where it ends early."""
    for key in path:
        facts = facts.get(key) if isinstance(facts, dict) else None
    return facts


def _model_files(facts: Mapping[str, object]) -> tuple[str, ...]:
    listed = (name for name in OPTIONAL_FILES if _value(facts, ("files", name)) is not None)
    return (*MODEL_FILES, *listed)


def _text(facts: object, *path: str) -> str:
    value = _value(facts, path)
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise _broken(path, value, "a text on one line that is not empty")


def _count(facts: object, *path: str, most: int | None = None) -> int:
    value = _value(facts, path)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= (most or value):
        return value
    rule = f"a whole number from 1 to {most:,}" if most else "a whole number above 0"
    raise _broken(path, value, rule)


def _flag(facts: object, *path: str) -> bool:
    value = _value(facts, path)
    if isinstance(value, bool):
        return value
    raise _broken(path, value, "true or false")


def _sha256(facts: object, *path: str) -> str:
    value = _value(facts, path)
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value
    raise _broken(path, value, "64 hexadecimal digits in lower case")


def _object(facts: object, *path: str) -> Mapping[str, object]:
    value = _value(facts, path)
    if isinstance(value, dict):
        return value
    raise _broken(path, value, "a JSON object")


def _broken(path: tuple[str, ...], value: object, rule: str) -> BundleError:
    found = "missing" if value is None else reprlib.repr(value)
    return BundleError(
        f"{MANIFEST}: '{' > '.join(path)}' is {found}, must be {rule}; "
        "write the bundle again with `captiongan export`"
    )
