"""Modules that moved can be imported under their old names, with a warning that names the new."""

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

import captiongan
from captiongan import _moved


def has(module: str) -> bool:
    return (
        Path(captiongan.__file__)
        .parent.joinpath(*module.split(".")[1:])
        .with_suffix(".py")
        .exists()
    )


GONE = sorted(old for old in _moved.MOVED if not has(old))


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `captiongan.fractions` and `captiongan.bulk.fractions` have moved to `fractions`."""
    moves = dict.fromkeys(("captiongan.fractions", "captiongan.bulk.fractions"), "fractions")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, _moved.OldModules(moves)])
    for name in moves:
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("moved")
@pytest.mark.parametrize("old", ["captiongan.fractions", "captiongan.bulk.fractions"])
def test_a_module_that_moved_is_the_same_under_its_old_name(old: str) -> None:
    import fractions

    with pytest.warns(DeprecationWarning, match=rf"'{old}' moved .* or from 'fractions'"):
        assert importlib.import_module(old) is fractions
    assert importlib.import_module(old) is fractions  # without another warning
    assert fractions.__name__ == fractions.__spec__.name == "fractions"


@pytest.mark.usefixtures("moved")
def test_the_warning_is_told_of_the_line_that_imports() -> None:
    with pytest.warns(DeprecationWarning) as told:
        from captiongan.fractions import Fraction  # type: ignore[import-not-found]  # noqa: F401
    assert told[0].filename == __file__


def test_a_package_that_was_a_module_hands_out_its_names() -> None:
    old = _moved.forward("captiongan.bundle", "fractions")
    with pytest.warns(
        DeprecationWarning, match=r"'captiongan.bundle.Fraction' moved .*'fractions'"
    ):
        assert old("Fraction") is importlib.import_module("fractions").Fraction
    with pytest.raises(AttributeError, match="Fractions"):
        old("Fractions")
    with pytest.raises(AttributeError, match="job"):
        _moved.forward("captiongan.bulk", "captiongan.bulk.run")("job")  # which is a module of it


@pytest.mark.parametrize(
    ("package", "name"),
    [("bundle", "shipped_bundles"), ("export", "export_run"), ("text_training", "TextPlan")],
)
def test_a_module_that_became_a_package_hands_out_what_it_had(package: str, name: str) -> None:
    module = importlib.import_module(f"captiongan.{package}")
    if hasattr(module, "__path__"):
        with pytest.warns(DeprecationWarning, match=rf"'captiongan\.{package}\.{name}' moved"):
            assert getattr(module, name).__module__.startswith(f"captiongan.{package}.")


@pytest.mark.parametrize("old", GONE)
def test_what_moved_is_where_the_table_says(old: str) -> None:
    assert importlib.util.find_spec(_moved.MOVED[old]) is not None
    with pytest.warns(DeprecationWarning, match=_moved.MOVED[old]):
        sys.modules.pop(old, None)
        importlib.import_module(old)


def test_a_module_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"captiongan\.nothing"):
        importlib.import_module("captiongan.nothing")
