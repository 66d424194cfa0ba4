"""How tangled a package is: its rooms, the arrows between them, and the circles of arrows.

    python -m benchmarks.import_graph [FOLDER OF A PACKAGE] [--arrows]

A room is a module or package directly below the package. An arrow leads from one room to another
that it imports, at its top or inside a function; imports for type checkers alone do not count. A
circle is a group of rooms that all reach each other by arrows.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

PACKAGE = Path(__file__).parent.parent / "src" / "captiongan"

app = typer.Typer()

Arrows = Mapping[str, set[str]]
"""The rooms that each room imports."""


def arrows_of(package: Path) -> Arrows:
    """Read the sources of a package; return the arrows between its rooms.

    The package's own `__init__` and `__main__` are no rooms.
    """
    rooms = {
        path.stem
        for path in package.iterdir()
        if (path.suffix == ".py" and not path.stem.startswith("__"))
        or (path / "__init__.py").is_file()
    }
    arrows: dict[str, set[str]] = {room: set() for room in rooms}
    for file in sorted(package.rglob("*.py")):
        room = file.relative_to(package).parts[0].removesuffix(".py")
        if room in rooms:
            names = imported_names(ast.parse(file.read_bytes()), package.name)
            arrows[room] |= {name for name in names if name in rooms and name != room}
    return arrows


def imported_names(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield what stands directly below `package` in each import of a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            paths = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            paths = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            yield from imported_names(node, package)
            continue
        for path in paths:
            root, *below = path.split(".")
            if root == package and below:
                yield below[0]


def circles_of(arrows: Arrows) -> list[list[str]]:
    """Return the groups of at least two rooms that all reach each other, each in order."""
    reached = {room: _reach(room, arrows) for room in arrows}
    groups = {
        tuple(sorted(other for other in reached[room] if room in reached[other]))
        for room in arrows
        if room in reached[room]
    }
    return [list(group) for group in sorted(groups)]


def _reach(room: str, arrows: Arrows) -> set[str]:
    reached: set[str] = set()
    waiting = [room]
    while waiting:
        new = arrows[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


@app.command()
def main(
    package: Annotated[Path, typer.Argument(help="Folder of the package.")] = PACKAGE,
    arrows: Annotated[bool, typer.Option("--arrows", help="List all arrows.")] = False,
) -> None:
    """Count the rooms, arrows and circles of a package."""
    graph = arrows_of(package)
    if arrows:
        for room, imported in sorted(graph.items()):
            typer.echo(f"{room} -> {', '.join(sorted(imported)) or 'nothing'}")
    circles = circles_of(graph)
    typer.echo(
        f"{len(graph)} rooms, {sum(map(len, graph.values()))} arrows, {len(circles)} circles"
    )
    for circle in circles:
        typer.echo("circle: " + ", ".join(circle))
