"""One bit of the seed mirrors the finished picture, if the bundle says so; nothing else changes."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from captiongan.bulk.run import generate_all
from captiongan.bundle.bundle import find_bundle, read_bundle, shipped_bundles
from captiongan.bundle.manifest import MANIFEST, BundleManifest
from captiongan.draw.noise import mirror_of
from captiongan.draw.picture import Picture, read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.sheet import save_grid
from captiongan.evaluation.candidate import open_candidate
from support.tiny_bundle import NOISE_DIM, style_encoder, write_tiny_bundle

RED, YELLOW = "a red flower", "a yellow flower with pointed petals"
SEEDS = range(20)
BITS = [mirror_of(seed, NOISE_DIM) for seed in SEEDS]
STAYS, TURNS = BITS.index(False), BITS.index(True)


@pytest.fixture(scope="module")
def turning(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The bundle of `pipeline`, but for its manifest, which says that seeds mirror."""
    folder = tmp_path_factory.mktemp("turning") / "tiny"
    write_tiny_bundle(folder, mirror_by_seed=True, style_encoder=style_encoder())
    return Pipeline.from_bundle(folder)


def pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image)


def is_drawn_as(picture: Picture, plain: Picture) -> bool:
    """Whether a picture is another one, or its exact mirror image if it says so."""
    expected = ImageOps.mirror(plain.image) if picture.mirrored else plain.image
    return picture.image.tobytes() == expected.tobytes()


def test_the_bit_is_the_next_number_of_the_stream_after_the_noise() -> None:
    for dim in (1, 4, 5, 100):
        for seed in (0, 7, 2**32 - 1):
            stream = np.random.RandomState(seed)
            stream.standard_normal(dim)
            assert mirror_of(seed, dim) is bool(stream.random_sample() < 0.5)


def test_the_bit_is_the_top_bit_of_the_next_word_inverted() -> None:
    for seed in SEEDS:
        stream = np.random.RandomState(seed)
        stream.standard_normal(NOISE_DIM)
        word = stream.randint(0, 2**32, dtype=np.uint32)
        assert mirror_of(seed, NOISE_DIM) is bool(word < 2**31)


def test_half_of_the_seeds_mirror() -> None:
    assert 0.45 < np.mean([mirror_of(seed, NOISE_DIM) for seed in range(2000)]) < 0.55


def test_a_picture_is_the_generators_or_its_exact_mirror_image(
    turning: Pipeline, pipeline: Pipeline
) -> None:
    drawn, plain = (each.generate(RED, len(SEEDS), truncation=0.8) for each in (turning, pipeline))
    assert [picture.mirrored for picture in drawn] == BITS
    assert all(map(is_drawn_as, drawn, plain))
    assert pixels(drawn[TURNS].image).tolist() != pixels(plain[TURNS].image).tolist()


def test_a_seed_gives_the_same_picture_alone_in_a_batch_and_drawn_in_parts(
    turning: Pipeline,
) -> None:
    together = turning.generate(YELLOW, 20)
    alone = [turning.generate(YELLOW, seed=seed)[0] for seed in SEEDS]
    plan = turning.plan([RED, YELLOW], 20)
    parts = [
        turning.draw(plan.noise[i : i + 8], plan.embedding[i : i + 8]) for i in range(0, 40, 8)
    ]
    served = plan.result(np.concatenate(parts))[20:]
    for one, other, third in zip(together, alone, served, strict=True):
        assert one.image.tobytes() == other.image.tobytes() == third.image.tobytes()
        assert one.metadata == other.metadata == third.metadata


def test_variations_are_mirrored_if_the_picture_that_they_vary_is(
    turning: Pipeline, pipeline: Pipeline
) -> None:
    for around in (STAYS, TURNS):
        drawn, plain = (
            each.generate(RED, 5, seed=50, around=around) for each in (turning, pipeline)
        )
        assert {picture.mirrored for picture in drawn} == {BITS[around]}
        assert all(map(is_drawn_as, drawn, plain))
        (nearest,) = turning.generate(RED, seed=50, around=around, strength=0)
        varied = turning.generate(RED, seed=around)[0]
        assert nearest.image.tobytes() == varied.image.tobytes()


@pytest.mark.parametrize("seeds", [(STAYS, TURNS), (TURNS, STAYS), (TURNS,)])
def test_a_way_is_mirrored_as_a_whole_by_the_bit_of_its_first_seed(
    seeds: tuple[int, ...], turning: Pipeline, pipeline: Pipeline, tmp_path: Path
) -> None:
    way, plain = (each.interpolate([RED, YELLOW], seeds, 4) for each in (turning, pipeline))
    assert way.mirrored is BITS[seeds[0]] and not plain.mirrored
    for image, drawn in zip(way.images, plain.images, strict=True):
        expected = ImageOps.mirror(drawn) if way.mirrored else drawn
        assert image.tobytes() == expected.tobytes()
    assert way.images[0].tobytes() == turning.generate(RED, seed=seeds[0])[0].image.tobytes()
    for name in ("way.png", "way.webp", "way.gif"):
        way.save(tmp_path / name)
        assert ("mirrored" in read_metadata(tmp_path / name)) is way.mirrored


def test_a_file_tells_whether_its_picture_was_mirrored(turning: Pipeline, tmp_path: Path) -> None:
    pictures = turning.generate(RED, 20)
    for seed in (STAYS, TURNS):
        pictures[seed].save(tmp_path / "one.png")
        assert read_metadata(tmp_path / "one.png").get("mirrored") == {True: "true"}.get(BITS[seed])
    save_grid([pictures[TURNS:]], tmp_path / "sheet.png")
    assert read_metadata(tmp_path / "sheet.png")["mirrored"] == "true"


def test_a_restyled_picture_is_never_mirrored(turning: Pipeline) -> None:
    given = turning.generate(RED, seed=TURNS)[0].image
    (picture,) = turning.restyle(given, [RED])
    plan = turning.restyle(ImageOps.mirror(given), [RED])
    assert not picture.mirrored and "mirrored" not in picture.metadata
    assert picture.image.tobytes() != plan[0].image.tobytes()


def test_bulk_generation_and_evaluation_draw_the_same_pictures(
    turning: Pipeline, tmp_path: Path
) -> None:
    expected = turning.generate(RED, 20)
    folder = turning.bundle.folder
    drawn = open_candidate(str(folder)).pictures_of([RED] * 20, SEEDS)
    np.testing.assert_array_equal(drawn, [pixels(each.image) for each in expected])
    (tmp_path / "prompts.txt").write_text(RED + "\n")
    generate_all(tmp_path / "prompts.txt", tmp_path / "out", folder, n=20, layout="imagefolder")
    lines = (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()
    for line, picture in zip(map(json.loads, lines), expected, strict=True):
        with Image.open(tmp_path / "out" / line["file_name"]) as image:
            assert image.tobytes() == picture.image.tobytes()
        assert line["seed"] == picture.seed
        assert ("mirrored" in line) is picture.mirrored


def test_a_bundle_keeps_on_mirroring_when_it_is_written_and_read_again(turning: Pipeline) -> None:
    manifest = turning.manifest
    assert manifest.mirror_by_seed
    assert BundleManifest.from_json(manifest.to_json()) == manifest


def test_bundles_of_schema_1_mirror_nothing_whatever_else_they_say(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    folder = write_tiny_bundle(tmp_path / "old").folder
    facts = json.loads((folder / MANIFEST).read_text())
    del facts["mirror_by_seed"]
    for extra in ({}, {"mirror_by_seed": True}):
        (folder / MANIFEST).write_text(json.dumps(facts | {"schema": 1, "name": "tiny"} | extra))
        old = Pipeline.from_bundle(folder)
        assert not old.manifest.mirror_by_seed
        for one, other in zip(old.generate(RED, 20), pipeline.generate(RED, 20), strict=True):
            assert one.image.tobytes() == other.image.tobytes() and one.metadata == other.metadata


def test_the_shipped_bundles_mirror_as_their_configuration_says() -> None:
    for name in shipped_bundles():
        manifest = read_bundle(find_bundle(name)).manifest
        config = manifest.training.config
        assert config is not None
        assert manifest.mirror_by_seed is config["data"].get("facing", False)
