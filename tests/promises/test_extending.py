"""The stories of docs/extending.md work as printed, and touch as many files as its table says."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import captiongan
from captiongan.base.cache import CACHE_VARIABLE

ROOT = Path(captiongan.__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
STORIES = dict(re.findall(r"^## (.*?)$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))

TRY = """
import json, sys, traceback
result = {}
for story, code in json.load(sys.stdin).items():
    try:
        exec(compile(code, story, "exec"), {"__name__": story})
        result[story] = ""
    except BaseException:
        result[story] = traceback.format_exc()
print(json.dumps(result))
"""


@dataclass(frozen=True)
class Block:
    """A block of code: its language, the file it belongs to, if any, and what stands in it."""

    language: str
    path: str
    code: str


def blocks(story: str) -> Iterator[Block]:
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", story, re.MULTILINE | re.DOTALL):
        heading = re.match(r"# (src/\S+)\n", text)
        yield Block(
            language, heading[1] if heading else "", text[heading.end() if heading else 0 :]
        )


def touched(story: str) -> set[str]:
    return {block.path for block in blocks(story) if block.path}


def put(block: Block, file: Path) -> None:
    """Add what stands in a block to a file, or change the file as it says."""
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if block.language == "python":
        file.write_text(before + ("\n\n" if before else "") + block.code, encoding="utf-8")
        return
    old, new = (
        "\n".join(re.findall(rf"^{re.escape(sign)}(.*)$", block.code, re.MULTILINE))
        for sign in "-+"
    )
    assert before.count(old) == 1, f"{block.path} has {before.count(old)} times: {old}"
    file.write_text(before.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of each story, in a copy of the package that has all of them."""
    copy = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("bundles"))
    bundles = Path("src", "captiongan", "bundles")
    (copy / bundles).symlink_to(ROOT / bundles)
    for story in STORIES.values():
        for block in blocks(story):
            if block.path:
                put(block, copy / block.path)
    tries = {
        name: "\n".join(block.code for block in blocks(story) if not block.path)
        for name, story in STORIES.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(copy / 'src')!r}){TRY}"],
        input=json.dumps(tries),
        env=os.environ | {CACHE_VARIABLE: str(copy / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("story", STORIES)
def test_a_story_works_as_printed(story: str, told: dict[str, Any]) -> None:
    assert told[story] == ""


def test_the_table_counts_the_files_that_each_story_touches() -> None:
    table = dict(re.findall(r"^\| \[(.*?)\]\(#.*?\) \| (\d+) \|$", PAGE, re.MULTILINE))
    counted = {name: str(len(touched(story))) for name, story in STORIES.items()}
    assert {name[0].upper() + name[1:]: files for name, files in table.items()} == counted


def test_each_story_tries_what_it_added() -> None:
    for name, story in STORIES.items():
        assert "assert" in [*blocks(story)][-1].code, name
        assert not [*blocks(story)][-1].path, name
