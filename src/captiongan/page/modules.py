"""JavaScript modules as one script, for pages that may load no other file.

It understands what our modules and the vendored ones use: named imports, a namespace import,
exported declarations, and one list of exports at the end.
"""

import re
from pathlib import Path

IMPORT = re.compile(r'^import\s+(\{[^}]*\}|\* as \w+)\s+from\s+"(\.[^"]+)";\n?', re.MULTILINE)
DECLARATION = re.compile(
    r"^export\s+(?=(?:async\s+)?(?:function\*?|class|const)\s+([\w$]+))", re.MULTILINE
)
LIST = re.compile(r"\bexport\s*\{([^{}]*)\};?\s*(?://[^\n]*\s*)?\Z")
LEFT = re.compile(r"^(?:import|export)\b", re.MULTILINE)


def linked(entry: Path) -> str:
    """Return a module and all that it imports as one script.

    What `entry` exports is the constant `entry` there.

    Raises:
        ValueError: a module imports or exports in another way, imports itself on the way round, or
            holds what would end a script in a page.
    """
    done: dict[Path, str] = {}
    script = "".join(_with_imports(entry.resolve(), done, ()))
    return f"{script}const entry = {done[entry.resolve()]};\n"


def _with_imports(path: Path, done: dict[Path, str], importers: tuple[Path, ...]) -> list[str]:
    """Return the scripts of a module's imports, and its own; name each in `done`."""
    if path in done:
        return []
    if path in importers:
        raise ValueError(f"module '{path.name}' imports itself on the way round; part the two")
    code = path.read_text(encoding="utf-8")
    scripts, uses = [], []
    for names, address in IMPORT.findall(code):
        imported = (path.parent / address).resolve()
        scripts += _with_imports(imported, done, (*importers, path))
        uses.append(f"const {_bound(names)} = {done[imported]};\n")
    done[path] = f"module{len(done)}"
    return [*scripts, f"const {done[path]} = (() => {{\n{''.join(uses)}{_body(path, code)}}})();\n"]


def _bound(names: str) -> str:
    """Turn `{ a, b as c }` into `{ a, b: c }`, and `* as a` into `a`."""
    return names.removeprefix("* as ").replace(" as ", ": ")


def _body(path: Path, code: str) -> str:
    code = IMPORT.sub("", code)
    exports = [f"{name}: {name}" for name in DECLARATION.findall(code)]
    code = DECLARATION.sub("", code)
    if found := LIST.search(code):
        code = code[: found.start()]
        for each in filter(None, (item.strip() for item in found[1].split(","))):
            inner, _, outer = each.partition(" as ")
            exports.append(f"{outer or inner}: {inner}")
    if (left := LEFT.search(code)) or re.search(r"</script|<!--", code, re.IGNORECASE):
        fault = code[left.start() :].partition("\n")[0][:60] if left else "</script or <!--"
        raise ValueError(f"module '{path.name}' has `{fault}`, which cannot go into a page")
    return f"{code}\nreturn {{ {', '.join(exports)} }};\n"
