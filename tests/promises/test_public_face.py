"""What `import captiongan` promises: all documented names, quickly, and no others in the docs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import captiongan

ROOT = Path(captiongan.__file__).parents[2]
PLACES = ("*.md", "docs/**/*.md", "examples/*", "src/captiongan/web/static/*.js")
FILES = sorted(path for place in PLACES for path in ROOT.glob(place) if path.is_file())

ABOUT_THE_INSIDE = {"CHANGELOG.md", "docs/extending.md"}
"""Pages about what was, and about files of the package itself."""

GRANTED = {page: {"captiongan.networks"} for page in ("docs/lecture.md", "docs/vi/lecture.md")}
"""Inner modules that a page may import: the lecture compares two networks, layer by layer."""

IMPORTED = re.compile(r"(?:from|import) (captiongan\.[\w.]+)")
NAMED = re.compile(r"`captiongan\.(\w+)|\bcaptiongan\.(\w+)\(")


def in_a_new_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_importing_it_imports_nothing_that_is_heavy() -> None:
    imported = in_a_new_python("import captiongan, json, sys; print(json.dumps([*sys.modules]))")
    heavy = {"numpy", "PIL", "onnxruntime", "torch", "pydantic", "pkgutil", "inspect"}
    assert heavy.isdisjoint(json.loads(imported))


@pytest.mark.parametrize("name", captiongan.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(captiongan, name) is not None
    assert name in dir(captiongan)


def test_every_public_name_has_one_home() -> None:
    homes = [*captiongan._HOMES, *captiongan._TRAINING_HOMES, *captiongan._NAMESPACES]
    assert sorted([*homes, "__version__", "bundles"]) == sorted(captiongan.__all__)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_documentation_and_examples_name_no_inner_module(file: Path) -> None:
    name = str(file.relative_to(ROOT))
    if name in ABOUT_THE_INSIDE:
        return
    text = file.read_text(encoding="utf-8", errors="ignore")
    assert set(IMPORTED.findall(text)) <= GRANTED.get(name, set())
    assert {one or other for one, other in NAMED.findall(text)} <= set(captiongan.__all__)
