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
def test_a_module_that_moved_hands_out_its_names_under_its_old_name(old: str) -> None:
    import fractions

    with pytest.warns(DeprecationWarning, match=rf"'{old}' moved .* or from 'fractions'"):
        module = importlib.import_module(old)
    assert module.Fraction is fractions.Fraction
    assert importlib.import_module(old) is module  # without another warning
    with pytest.raises(AttributeError, match="Fractions"):
        _ = module.Fractions


@pytest.mark.usefixtures("moved")
def test_a_name_that_went_further_than_its_module_is_found_in_the_public_face() -> None:
    with pytest.warns(DeprecationWarning):
        from captiongan.fractions import save_grid  # type: ignore[import-not-found]
    assert save_grid is captiongan.save_grid


@pytest.mark.usefixtures("moved")
def test_the_warning_is_told_of_the_line_that_imports() -> None:
    with pytest.warns(DeprecationWarning) as told:
        from captiongan.fractions import Fraction  # noqa: F401
    assert told[0].filename == __file__


def test_a_package_that_was_a_module_hands_out_its_names() -> None:
    importlib.import_module("captiongan.bundle")
    importlib.import_module("captiongan.bulk")
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("module", "names"),
    {
        "bundle": "shipped_bundles read_bundle write_bundle Bundle BundleManifest",
        "client": "Client ServerError",
        "config": "RunConfig load_config",
        "data.toy": "draw toy_examples toy_flower",
        "evaluation.candidate": "of_generator",
        "evaluation.colours": "colour_agreement",
        "interpolation": "Interpolation arc line",
        "losses": "matching_aware_discriminator_loss pixel_wise_loss",
        "networks.course": "Discriminator",
        "pictures": "Picture grid in_a_square read_metadata save_grid",
        "pipeline": "Picture Pipeline load noise_of",
        "training.batches": "to_pictures",
        "training.loop": "Trainer",
        "training.step": "update_generator",
    }.items(),
)
def test_what_documentation_and_examples_once_imported_is_there(module: str, names: str) -> None:
    home = importlib.import_module(f"captiongan.{module}")
    assert not [name for name in names.split() if not hasattr(home, name)]


@pytest.mark.parametrize("old", GONE)
def test_what_moved_is_where_the_table_says(old: str) -> None:
    assert importlib.util.find_spec(_moved.MOVED[old]) is not None
    with pytest.warns(DeprecationWarning, match=_moved.MOVED[old]):
        sys.modules.pop(old, None)
        importlib.import_module(old)


def test_a_module_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"captiongan\.nothing"):
        importlib.import_module("captiongan.nothing")
