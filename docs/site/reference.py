"""Writes pages of the reference, in Markdown, from the code: the command line, a run's options."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.main import get_command

from captiongan.cli.main import app
from captiongan.runs.config import RunConfig


def command_line() -> str:
    """Write down all verbs, one after the other."""
    return "\n".join(verb_page(name, command) for name, command in verbs(get_command(app)))


def verbs(command: Any, name: str = "captiongan") -> Iterator[tuple[str, Any]]:
    """Yield every verb that does something, with its full name."""
    commands = getattr(command, "commands", {})
    if not commands and not command.hidden:
        yield name, command
    for part, each in commands.items():
        yield from verbs(each, f"{name} {part}")


def verb_page(name: str, command: Any) -> str:
    """Write a verb down in Markdown: what it does, how it is called, what it takes."""
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    shown = (each for each in command.params if each.name != "help" and not each.hidden)
    rows = [_parameter(each, context) for each in shown]
    table = ["| | | default |", "|---|---|---|", *rows] if rows else []
    return "\n".join(
        [f"## {name}", "", command.help or "", "", f"    {name} {usage}", "", *table, ""]
    )


def _parameter(parameter: Any, context: Any) -> str:
    names = parameter.make_metavar(context)
    if parameter.param_type_name == "option":
        kind = "" if parameter.is_flag else f" {names}"
        names = ", ".join(parameter.opts) + kind
    default = "" if parameter.default in (None, False, (), []) else f"`{parameter.default}`"
    told = " ".join((parameter.help or "").split())
    return f"| `{_cell(names)}` | {_cell(told)} | {default} |"


def options(section: type[BaseModel] = RunConfig, prefix: str = "") -> Iterator[str]:
    """Yield a row for each option, and a heading before each section."""
    fields = section.model_fields
    inner = {name: found for name in fields if (found := _section(fields[name]))}
    yield from ["", "| option | type | default | rule | |", "|---|---|---|---|---|"]
    yield from (_option(f"{prefix}{name}", fields[name]) for name in fields if name not in inner)
    for name, model in inner.items():
        yield from ["", f"## `{prefix}{name}`", "", model.__doc__ or ""]
        yield from options(model, f"{prefix}{name}.")


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a field holds, be it optional or not; None for a single value."""
    kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _option(name: str, field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        kind = " or ".join(map(str, get_args(field.annotation)))
    else:
        kind = str(getattr(field.annotation, "__name__", field.annotation)).replace("typing.", "")
    default = "required" if field.is_required() else f"`{field.default!r}`"
    told, rule = " ".join((field.description or "").split()), _bounds(field.metadata)
    return f"| `{name}` | `{_cell(kind)}` | {default} | {_cell(rule)} | {_cell(told)} |"


def _bounds(metadata: list[Any]) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}
    told = ((sign, getattr(each, key, None)) for each in metadata for key, sign in signs.items())
    return ", ".join(f"{sign} {bound:g}" for sign, bound in told if bound is not None)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
