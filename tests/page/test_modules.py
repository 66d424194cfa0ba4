from pathlib import Path

import pytest

from captiongan.page.modules import linked
from captiongan.page.parts import ENGINE


def write(folder: Path, **modules: str) -> Path:
    for name, code in modules.items():
        (folder / f"{name}.js").write_text(code, encoding="utf-8")
    return folder / "entry.js"


def test_a_module_comes_once_and_before_those_that_import_it(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        entry=(
            'import { a } from "./one.js";\nimport * as two from "./two.js";\nexport const c = a;\n'
        ),
        one='import { b as d } from "./two.js";\nexport function a() { return d; }\n',
        two="const b = 1;\nexport { b };\n",
    )
    script = linked(entry)
    assert script.count("const b = 1;") == 1
    assert script.index("const b = 1;") < script.index("function a()") < script.index("const c = a")
    assert "const { b: d } = module0;" in script
    assert "const two = module0;" in script
    assert not any(line.startswith(("import", "export")) for line in script.splitlines())


@pytest.mark.parametrize(
    "code",
    [
        'import default_ from "./one.js";',
        "export default 1;",
        "export let changing = 1;",
        'const text = "</script>";',
        'const text = "<!-- ";',
    ],
)
def test_what_cannot_go_into_a_page_is_refused(tmp_path: Path, code: str) -> None:
    entry = write(tmp_path, entry=f"{code}\n", one="")
    with pytest.raises(ValueError, match=r"module 'entry\.js' has `"):
        linked(entry)


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        entry='import { a } from "./one.js";\nexport const b = 1;\n',
        one='import { b } from "./entry.js";\nexport const a = 1;\n',
    )
    with pytest.raises(ValueError, match=r"'entry\.js' imports itself"):
        linked(entry)


@pytest.mark.parametrize("name", ["page.js", "picture.js", "worker.js"])
def test_all_entries_of_the_engine_can_be_linked(name: str) -> None:
    assert "const entry = " in linked(ENGINE / name)
