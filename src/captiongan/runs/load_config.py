"""Reads a run's configuration from a preset or a YAML file, with single options overridden."""

import reprlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from captiongan.base.schemas import (
    RUN_CONFIG,
    named_conditioning_augmentation,
    newest,
    of_today,
)
from captiongan.errors import ConfigError
from captiongan.runs.config import RunConfig

SCHEMA = newest(RUN_CONFIG)
"""The schema of the configuration that is written into a run's folder."""

LARGEST_CONFIG = 2**16
"""Upper bound in bytes: far above any use, far below any harm."""

KEPT_ENCODER = "text_encoder"
"""The folder, in a run folder, for a copy of its text encoder."""

RENAMED = {"text.wording": "text.conditioning_augmentation"}
"""The former names of options; they still work."""

MOST_KEYS = 1_000
"""The most keys of a mapping. YAML can merge mappings, and a few lines of it make billions."""

_BRIEF = reprlib.Repr()
_BRIEF.maxlevel = 2

_PRESETS = Path(__file__).parent / "presets"


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which merges mappings as long as they stay small."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MOST_KEYS:
            raise yaml.YAMLError(f"a mapping has more than {MOST_KEYS:,} keys")


def presets() -> list[str]:
    """Return the names of the presets that come with this package, sorted."""
    return sorted(path.stem for path in _PRESETS.glob("*.yaml"))


def find_config(name_or_path: str | Path) -> Path:
    """Return the file of a configuration: a preset's by its name, any other by its path.

    A preset's name has precedence over a file of that name in the working directory (write "./toy"
    for the file). `configs/NAME.yaml`, the former place of presets, still names a preset if there
    is no such file.
    """
    if name_or_path in presets():
        return _PRESETS / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    named_as_before = path == Path("configs", f"{path.stem}.yaml") and path.stem in presets()
    if not named_as_before or path.exists():
        return path
    warnings.warn(
        f"'{path}' is a preset and no longer a file; name it: --config {path.stem}",
        DeprecationWarning,
        stacklevel=3,
    )
    return _PRESETS / path.name


def load_config(
    config: str | Path | None,
    overrides: Sequence[str] = (),
    source: str | None = None,
    schema: int = SCHEMA,
    base: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Read a run's configuration.

    Args:
        config: the name of a preset, or a YAML file; missing options have the values of `base`. A
            `Path` is always a file.
        overrides: `section.name=value`, applied in order.
        source: the data set, if not the file's own.
        schema: of a file that has none: today's, if a person wrote it.
        base: a tree of options, in today's schema, that replaces the defaults.

    Raises:
        ConfigError: there is no such preset or file, it cannot be read, a later version wrote it,
            or an option breaks its rule; the message names it.
    """
    path = None if config is None else find_config(config)
    tree = {} if path is None else _of_today(_read_tree(path), schema, path)
    tree = {name: value for name, value in tree.items() if value is not None}
    if path is not None:
        tree = _with_new_names(tree)
        _find_kept_encoder(tree, path)
    tree = merged(base or {}, tree)
    for override in overrides:
        _apply(tree, override)
    if source and isinstance(tree.setdefault("data", {}), dict):
        tree["data"]["source"] = source
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        where = f"'{config}'" if config else "configuration"
        faults: dict[str, list[str]] = {}
        for fault in error.errors():
            origin = _origin(fault, overrides) or where
            faults.setdefault(origin, []).append(_in_words(fault))
        told = (f"{origin}: {'; '.join(each)}" for origin, each in faults.items())
        raise ConfigError("; ".join(told)) from error


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tree of options `base`, with those of `over` in place of its own."""
    tree = dict(base) | dict(over)
    for name, value in base.items():
        if isinstance(value, Mapping) and isinstance(over.get(name, {}), Mapping):
            tree[name] = merged(value, over.get(name, {}))
    return tree


def _of_today(tree: dict[str, Any], schema: int, path: Path) -> dict[str, Any]:
    """Return the options of a file in today's schema."""
    try:
        tree = of_today({"schema": schema} | tree, RUN_CONFIG, f"'{path}'", ConfigError)
    except ValueError as error:
        raise ConfigError(f"'{path}': {error}") from error
    return {name: value for name, value in tree.items() if name not in ("schema", "captiongan")}


def _with_new_names(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a file that a person wrote under the names that they have today."""
    renamed = named_conditioning_augmentation(tree)
    if renamed != tree:
        _warn_of_old_name("text.wording", stacklevel=4)
    return renamed


def _warn_of_old_name(option: str, stacklevel: int) -> None:
    warnings.warn(
        f"{option} is now called {RENAMED[option]}; use that name",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


def _find_kept_encoder(tree: dict[str, Any], path: Path) -> None:
    """Replace the relative path of a run's copy of its text encoder by the full one."""
    text = tree.get("text")
    if isinstance(text, dict) and str(text.get("encoder")).startswith(f"{KEPT_ENCODER}/"):
        tree["text"] = text | {"encoder": str(path.resolve().parent / text["encoder"])}


def _read_tree(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_CONFIG + 1)
        if len(content) > LARGEST_CONFIG:
            raise ConfigError(f"--config '{path}' is above {LARGEST_CONFIG:,} bytes; shorten it")
        tree = _Loader(content.decode()).get_single_data()
    except OSError as error:
        raise ConfigError(
            f"--config '{path}' cannot be read ({error.strerror}); name a YAML file, or a preset: "
            f"{', '.join(presets())}"
        ) from error
    # YAML has dates, and some do not exist; it nests, and some nest too deep.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"--config '{path}' is not YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(tree, dict):
        raise ConfigError(f"--config '{path}' must hold a tree such as `training: {{kimg: 400}}`")
    return tree


def _apply(tree: dict[str, Any], override: str) -> None:
    """Set one value of the tree, the value in YAML."""
    option, equals, value = override.partition("=")
    if option in RENAMED:
        _warn_of_old_name(option, stacklevel=4)
    *sections, name = RENAMED.get(option, option).split(".")
    if not equals or not name:
        raise ConfigError(f"--set '{override}' must look like training.kimg=400")
    for section in sections:
        tree[section] = tree.get(section) or {}
        tree = tree[section]
        if not isinstance(tree, dict):
            raise ConfigError(f"--set '{override}': '{section}' is a value, not a section")
    try:
        tree[name] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"--set '{override}': the value is not YAML") from error


def _origin(fault: Any, overrides: Sequence[str]) -> str:
    """Return the `--set` that has brought a wrong value in, if one has.

    A fault without a field is a contradiction between several, and names them.
    """
    field = ".".join(map(str, fault["loc"]))
    if not field:
        named = [repr(each) for each in overrides if f"{_option(each)} = " in fault["msg"]]
        return f"--set {', '.join(named)}" if named else ""
    for override in reversed(overrides):
        address = _option(override)
        if f"{field}.".startswith(f"{address}.") or address.startswith(f"{field}."):
            return f"--set '{override}'"
    return ""


def _shown(value: object) -> str:
    """Write a value in a few words; a few lines of YAML can make one that is almost endless."""
    try:
        return _BRIEF.repr(value)
    except ValueError:  # a number of more digits than Python writes
        return "a huge number"


def _option(override: str) -> str:
    """Return the name that the option of a `--set` has today."""
    name = override.partition("=")[0]
    return RENAMED.get(name, name)


def _in_words(fault: Any) -> str:
    field = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{field}: unknown option; the options are in docs/configuration.md"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{field} = {_shown(fault['input'])}: {message}" if field else message
