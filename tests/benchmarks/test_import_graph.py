"""Rooms, arrows and circles of a small package."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.import_graph import app, arrows_of, circles_of


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package of four rooms, two of which import each other, one of them inside a function."""
    files = {
        "__init__.py": "from house.attic import roof\n",
        "attic/__init__.py": "",
        "attic/roof.py": "import json\nfrom house import cellar\nfrom house.attic import tiles\n",
        "attic/tiles.py": "def lay():\n    import house.kitchen.oven\n",
        "kitchen/__init__.py": "",
        "kitchen/oven.py": "from house.attic.roof import Roof\n",
        "cellar.py": "import typing\nif typing.TYPE_CHECKING:\n    import house.attic\n",
        "hall.py": "from house.attic import roof, tiles\nfrom house.kitchen import oven\n",
        "notes/plan.txt": "import house.attic",
    }
    for name, content in files.items():
        (tmp_path / "house" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "house" / name).write_text(content)
    return tmp_path / "house"


def test_each_room_has_an_arrow_to_each_room_it_imports(house: Path) -> None:
    assert arrows_of(house) == {
        "attic": {"cellar", "kitchen"},
        "cellar": set(),
        "hall": {"attic", "kitchen"},
        "kitchen": {"attic"},
    }


def test_rooms_that_reach_each_other_are_a_circle(house: Path) -> None:
    assert circles_of(arrows_of(house)) == [["attic", "kitchen"]]
    assert circles_of({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_the_command_counts(house: Path) -> None:
    told = CliRunner().invoke(app, [str(house)]).stdout
    assert told == "4 rooms, 5 arrows, 1 circles\ncircle: attic, kitchen\n"
