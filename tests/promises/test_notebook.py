"""The lecture as a notebook: it runs, shows what it promises, and is kept as a student sees it."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from captiongan.base.cache import CACHE_VARIABLE
from captiongan.training import losses, step

ROOT = Path(__file__).parents[2]
LECTURE = Path("examples", "lecture.ipynb")
STEPS = 2

SHOWING = re.compile(r"^(?:show|draw|train|three_kinds| {4}interpolate)\(", re.MULTILINE)
"""A call, outside functions, of one of the notebook's own that show a picture."""


PLACE = re.compile(r"(?:^|[\s'\"(])(?:/\w|~/|[A-Z]:\\)", re.MULTILINE)
"""The beginning of a path that leads somewhere on one machine only."""

Notebook = dict[str, Any]
"""As in the file: a list of cells, whose texts are lists of lines."""


def read(path: Path) -> Notebook:
    notebook: Notebook = json.loads(path.read_text())
    return notebook


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def code_cells(notebook: Notebook) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def texts(notebook: Notebook) -> Iterator[str]:
    """Yield all that can be read: sources, printed lines, and what is shown other than as PNG."""
    for cell in notebook["cells"]:
        yield source(cell)
        for output in cell.get("outputs", ()):
            yield "".join(output.get("text", ""))
            shown = output.get("data", {})
            yield from ("".join(shown[kind]) for kind in shown if kind != "image/png")


@pytest.fixture(scope="module")
def kept() -> Notebook:
    return read(ROOT / LECTURE)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    """The notebook after a run of two steps a training, in a copy of what it needs."""
    work = tmp_path_factory.mktemp("lecture")
    shutil.copytree(ROOT / "examples", work / "examples")
    ours = {"CAPTIONGAN_NOTEBOOK_STEPS": str(STEPS), CACHE_VARIABLE: str(work / "cache")}
    done = subprocess.run(
        [sys.executable, "examples/execute.py", str(LECTURE)],
        cwd=work,
        env=os.environ | ours,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return read(work / LECTURE)


@pytest.fixture(params=["kept", "executed"])
def notebook(request: pytest.FixtureRequest) -> Notebook:
    notebook: Notebook = request.getfixturevalue(request.param)
    return notebook


def test_the_notebook_ran_from_top_to_bottom_without_an_error_or_a_warning(
    notebook: Notebook,
) -> None:
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output["text"] for output in outputs if output.get("name") == "stderr"]


def test_under_each_cell_that_shows_pictures_are_pictures(notebook: Notebook) -> None:
    showing = [cell for cell in code_cells(notebook) if SHOWING.search(source(cell))]
    assert len(showing) >= 10
    for cell in showing:
        shown = [each for each in cell["outputs"] if "image/png" in each.get("data", {})]
        assert len(shown) >= len(SHOWING.findall(source(cell))), source(cell)


def test_the_kept_notebook_shows_the_code_as_it_is(kept: Notebook) -> None:
    cells = "\n".join(map(source, code_cells(kept)))
    calls = re.findall(r"^source\((.*)\)$", cells, re.MULTILINE)
    names = re.findall(r"(losses|step)\.(\w+)", "\n".join(calls))
    assert len(names) >= 12
    shown = "\n".join(texts(kept))
    for module, name in names:
        function = getattr({"losses": losses, "step": step}[module], name)
        assert inspect.getsource(function) in shown, name


def test_the_steps_of_a_training_come_from_the_environment(executed: Notebook) -> None:
    lengths = re.findall(r"^([\d,]+) steps", "\n".join(texts(executed)), re.MULTILINE)
    assert lengths == [str(STEPS)] * 6


def test_the_closing_table_says_that_colours_follow_the_words(kept: Notebook) -> None:
    (table,) = [text for text in texts(kept) if text.startswith("| | colours")]
    rows = re.findall(r"^\| (gan-\S+) \| ([\d.]+) ± [\d.]+ \| ([\d.]+) ±", table, re.MULTILINE)
    assert [name for name, *_ in rows] == ["gan-cls", "gan-cls-l1", "gan-cls-l1-fm", "gan-int-cls"]
    for name, agreement, floor in rows:
        assert float(agreement) > float(floor) + 0.2, name


def test_the_kept_notebook_names_no_place_or_time_of_a_machine(kept: Notebook) -> None:
    for text in texts(kept):
        assert not PLACE.search(text), text
    assert not [cell["metadata"] for cell in kept["cells"] if cell["metadata"]]
    assert kept["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("path", [LECTURE, Path("docs", "vi", "lecture.ipynb")])
def test_links_of_the_notebook_lead_somewhere(path: Path) -> None:
    pages = [source(cell) for cell in read(ROOT / path)["cells"] if cell["cell_type"] == "markdown"]
    targets = re.findall(r"\]\(([^)#]+)\)", "\n".join(pages))
    assert targets
    for target in targets:
        assert (ROOT / path.parent / target).exists(), target


def test_the_kept_notebook_is_of_moderate_size() -> None:
    assert (ROOT / LECTURE).stat().st_size < 1_500_000
