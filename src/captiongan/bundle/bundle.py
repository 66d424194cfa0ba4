"""The bundle: one folder that turns a sentence into pictures.

Training writes bundles and drawing reads them. Loading a bundle runs no code in it, and checks
every file but those of the model card against the manifest first. The format is in
`docs/bundle-format.md`.
"""

import os
import reprlib
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from captiongan.base.files import os_errors_as, whole_folder
from captiongan.bundle.manifest import (
    CARD_FILE,
    CARD_FILES,
    CRITIC_FILE,
    MANIFEST,
    MODEL_FILES,
    OPTIONAL_FILES,
    RANKER_FILE,
    STYLE_FILE,
    BundleManifest,
    FileFacts,
)
from captiongan.errors import BundleError, OutputError

LARGEST_MANIFEST = LARGEST_CARD = 2**20
"""Upper bounds in bytes: far above any use, far below any harm."""

_SHIPPED = Path(__file__).parents[1] / "bundles"


@dataclass(frozen=True)
class Bundle:
    """A folder whose files match its manifest."""

    folder: Path
    manifest: BundleManifest

    @property
    def can_restyle(self) -> bool:
        """Whether it has a style encoder, and so can redraw a given picture."""
        return STYLE_FILE in self.manifest.files

    @property
    def has_critic(self) -> bool:
        """Whether it holds the discriminator that its generator was trained against."""
        return CRITIC_FILE in self.manifest.files

    @property
    def has_ranker(self) -> bool:
        """Whether it has a ranker, and so can keep the best of several pictures."""
        return RANKER_FILE in self.manifest.files

    @property
    def is_shipped(self) -> bool:
        """Whether it comes with this package, so that its name alone finds it."""
        return self.folder.parent == _SHIPPED


def shipped_bundles() -> list[str]:
    """Return the names of the bundles that come with this package, sorted."""
    return sorted(path.parent.name for path in _SHIPPED.glob(f"*/{MANIFEST}"))


def find_bundle(name_or_path: str | Path) -> Path:
    """Return the folder of a bundle: a shipped one by its name, any other by its path.

    A shipped bundle takes precedence over a folder of the same name in the working directory; write
    "./flowers" for the folder. Raises BundleError if there is neither.
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
    """Read and check a bundle: its manifest, then the size and sha256 of each file it lists.

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
        content = (folder / MANIFEST).read_bytes()
        manifest = BundleManifest.from_json(content, _card(folder))
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
        files[CARD_FILE].decode()
    except UnicodeDecodeError as error:
        raise BundleError(
            f"bundle '{bundle.folder}': {CARD_FILE} is not UTF-8 ({error.reason} at byte "
            f"{error.start}); save it as UTF-8"
        ) from error
    return files


def write_bundle(out: Path, files: Mapping[str, Path | bytes], manifest: BundleManifest) -> Bundle:
    """Write a bundle to `out`, which appears whole or not at all.

    `files` gives the content of each of `MODEL_FILES` and `CARD_FILES`, and of any of
    `OPTIONAL_FILES`, as bytes or as the path of a file to copy. The sizes and hashes in the
    manifest are measured here.

    Raises:
        OutputError: `out` is not empty or cannot be written.
        BundleError: a file is missing or unknown, or the result cannot be read back.
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
    """Make sure that a bundle can be written to `out`, before any work is done for it.

    Raises:
        OutputError: `out` is not empty, or the folder that is to hold it cannot be written.
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
            f"bundle folder '{out}' cannot be made: '{parent}' is not a writable folder; "
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


def _card(folder: Path) -> str:
    """Return the start of the model card; empty if it cannot be read or is not UTF-8."""
    try:
        with (folder / CARD_FILE).open(encoding="utf-8") as card:
            return card.read(LARGEST_CARD)
    except (OSError, UnicodeDecodeError):
        return ""


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
