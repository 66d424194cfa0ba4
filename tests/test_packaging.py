"""What is installed, and what is handed on as source, is complete."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
SOURCE = ROOT / "src" / "captiongan"
WEB_HALF = (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["serve"])
ALL = tuple(chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()))


def imported(folder: Path) -> Iterator[str]:
    """Name the top-level modules that the files of a folder import."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def names(requirements: Iterable[str]) -> set[str]:
    """Return the names of requirements, without versions and extras, spelled alike."""
    bare = (re.split(r"[\[<>=!~]", each)[0] for each in requirements)
    return {re.sub(r"[-_.]+", "-", each).lower() for each in bare}


distributions = cache(packages_distributions)


@pytest.mark.parametrize(
    ("folder", "requirements"), [(SOURCE, ALL), (SOURCE / "web", WEB_HALF)], ids=["all", "web"]
)
def test_every_package_that_is_imported_is_declared(
    folder: Path, requirements: tuple[str, ...]
) -> None:
    for module in {*imported(folder)} - {"captiongan"} - sys.stdlib_module_names:
        of_module = distributions().get(module, [module])
        assert names(of_module) & names(requirements), module


def test_the_source_distribution_has_all_that_its_tests_import() -> None:
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for module in {*imported(ROOT / "tests")} - sys.stdlib_module_names:
        ours = [*ROOT.glob(f"*/{module}.py"), *ROOT.glob(f"*/{module}/__init__.py")]
        for file in [*ours, *(ROOT / module).glob("*.py")]:
            assert file.relative_to(ROOT).parts[0] in included, file


def test_the_presets_are_part_of_the_package() -> None:
    assert PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["src/captiongan"]
    assert (SOURCE / "runs" / "presets" / "dcgan.yaml").is_file()


@pytest.mark.parametrize(("verb", "missing"), [("prepare", "pydantic"), ("show", "jinja2")])
def test_a_verb_of_data_that_needs_the_training_half_says_so_where_it_is_missing(
    verb: str, missing: str, tmp_path: Path
) -> None:
    program = (
        f"import runpy, sys; sys.modules['{missing}'] = None; "
        f"sys.argv = ['captiongan', 'data', '{verb}', 'toy']; "
        "runpy.run_module('captiongan', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: this verb needs the package '{missing}'"), done.stderr
    assert "pip install 'captiongan[train]'" in done.stderr
