"""Manifests that earlier versions wrote are read, and written again, with all that they said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from captiongan.bundle.bundle import Bundle, read_bundle
from captiongan.bundle.manifest import MANIFEST, BundleManifest, DataFacts, TrainingFacts
from captiongan.draw.pipeline import Pipeline

OLD = Path(__file__).parent / "manifests"

CARD = """\
# blooms 1

Draws 64 x 64 pictures from English sentences.

![samples](sample.png)

Rows, top to bottom; 4 pictures each, not picked. The seeds count on from row to row, from 0 to 7:

1. a red flower
2. a yellow flower with 3. petals

## Use

1. open a terminal
"""
"""The beginning of a model card to the letter as versions with schemas 1 and 2 wrote it."""

LISTED = ("a red flower", "a yellow flower with 3. petals")


def old_manifest(schema: int) -> tuple[str, dict[str, Any]]:
    """Return a manifest to the letter as a version with that schema wrote it, and its facts."""
    text = (OLD / f"schema-{schema}.json").read_text()
    return text, json.loads(text)


@pytest.mark.parametrize("schema", [1, 2])
def test_a_manifest_of_an_earlier_version_says_what_it_said(schema: int) -> None:
    text, old = old_manifest(schema)
    manifest = BundleManifest.from_json(text, CARD)
    assert (manifest.name, manifest.version) == (old["name"], old["version"])
    assert manifest.mirror_by_seed is False
    assert manifest.languages == ("en",)
    assert manifest.sample_prompts == LISTED
    training, was = manifest.training, old["training"]
    assert (training.kimg, training.steps) == (was["kimg"], was["steps"])
    assert training.data == DataFacts(**was["data"])
    assert training.extractors == tuple(was["extractors"])
    assert training.config == was["config"]
    assert (training.style, training.ranker) == (was.get("style"), was.get("ranker"))
    assert {name: file.sha256 for name, file in manifest.files.items()} == {
        name: file["sha256"] for name, file in old["files"].items()
    }


@pytest.mark.parametrize("schema", [1, 2])
def test_written_again_it_has_todays_schema_and_loses_nothing(schema: int) -> None:
    text, old = old_manifest(schema)
    manifest = BundleManifest.from_json(text, CARD)
    new = json.loads(manifest.to_json())
    prompts = list(LISTED)
    added = {"schema": 4, "mirror_by_seed": False, "languages": ["en"], "sample_prompts": prompts}
    assert new == old | added
    assert BundleManifest.from_json(manifest.to_json()) == manifest


def as_before(bundle: Bundle, **changes: object) -> Bundle:
    """Read a bundle again after its manifest is that of a version with schema 2."""
    facts = json.loads((bundle.folder / MANIFEST).read_text())
    facts.pop("sample_prompts", None)
    (bundle.folder / MANIFEST).write_text(json.dumps(facts | {"schema": 2} | changes))
    return read_bundle(bundle.folder)


def test_a_bundle_of_an_earlier_version_draws_the_same_pictures(tiny: Bundle) -> None:
    today = Pipeline(tiny).generate("a red flower", n=3, seed=7)
    before = Pipeline(as_before(tiny)).generate("a red flower", n=3, seed=7)
    for one, other in zip(today, before, strict=True):
        assert one.image.tobytes() == other.image.tobytes() and one.metadata == other.metadata


def test_only_an_earlier_bundle_has_its_sample_prompts_from_its_card(tiny: Bundle) -> None:
    (tiny.folder / "README.md").write_text(CARD)
    assert read_bundle(tiny.folder).manifest.sample_prompts == ()
    assert as_before(tiny).manifest.sample_prompts == LISTED


@pytest.mark.parametrize("card", [b"# mine\n\n1. no prompt\n", b"\xff", b"", None])
def test_an_earlier_bundle_whose_card_lists_none_has_none(tiny: Bundle, card: bytes | None) -> None:
    (tiny.folder / "README.md").unlink()
    if card is not None:
        (tiny.folder / "README.md").write_bytes(card)
    assert as_before(tiny).manifest.sample_prompts == ()


def test_free_facts_about_a_training_stop_no_bundle_from_opening(tiny: Bundle) -> None:
    free = {"kimg": "many", "steps": 1.5, "data": "toy", "config": ["fusion"], "by": "me"}
    assert as_before(tiny, training=free).manifest.training == TrainingFacts()
    partly = {"kimg": float("nan"), "data": {"name": "toy", "pictures": 4}, "extractors": ["lite0"]}
    known = as_before(tiny, training=partly).manifest.training
    assert known == TrainingFacts(extractors=("lite0",))


def test_facts_about_a_training_survive_json(tiny: Bundle) -> None:
    facts = TrainingFacts(1.5, 12, DataFacts("toy", 4, 20, 2, 0), ("lite0",), {"name": "dcgan"})
    manifest = replace(tiny.manifest, training=facts, sample_prompts=LISTED)
    assert BundleManifest.from_json(manifest.to_json()) == manifest
