"""Draw several, keep the best: seeds, scores, what the files say, and bundles that cannot."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from captiongan.bundle.bundle import Bundle, read_bundle
from captiongan.bundle.manifest import RANKER_FILE
from captiongan.draw.best_of import best_rows
from captiongan.draw.picture import read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import MAX_BEST_OF, seeds_of
from captiongan.draw.sessions import MAX_BATCH
from captiongan.draw.sheet import in_a_square, save_grid
from captiongan.errors import BundleError, PromptError
from support.command_line import captiongan
from support.tiny_bundle import ranker, write_tiny_bundle

RED, YELLOW = "a red flower", "a yellow flower with pointed petals"


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that can tell which picture is best."""
    return write_tiny_bundle(tmp_path_factory.mktemp("ranked") / "tiny", ranker=ranker())


@pytest.fixture(scope="module")
def pipeline(ranked: Bundle) -> Pipeline:
    return Pipeline(ranked)


def scores_of(pipeline: Pipeline, prompt: str, seeds: range) -> list[float]:
    """Score each seed's picture alone."""
    embedding = pipeline.encode([prompt])
    scores = []
    for seed in seeds:
        (picture,) = pipeline.generate(prompt, seed=seed)
        scores += pipeline.score(np.asarray(picture.image)[None], embedding).tolist()
    return scores


@settings(max_examples=20, deadline=None)
@given(
    n=st.integers(1, 20),
    best_of=st.integers(2, 8),
    seed=st.integers(0, 2**32 - 160),
    text=st.sampled_from([RED, YELLOW]),
)
def test_each_picture_is_the_best_of_its_own_seeds_and_drawn_again_by_the_one_it_keeps(
    pipeline: Pipeline, n: int, best_of: int, seed: int, text: str
) -> None:
    kept = pipeline.generate(text, n, seed, best_of=best_of)
    assert len(kept) == n
    for place in {0, n // 2, n - 1}:
        first = seed + place * best_of
        own = range(first, first + best_of)
        scores = scores_of(pipeline, text, own)
        picture = kept[place]
        assert picture.seed == own[int(np.argmax(scores))]
        assert picture.score == pytest.approx(max(scores), abs=1e-3)
        (alone,) = pipeline.generate(text, seed=picture.seed or 0)
        assert alone.image.tobytes() == picture.image.tobytes()


def test_the_best_of_one_is_what_was_drawn_before_and_takes_no_ranker(tiny: Bundle) -> None:
    plain = Pipeline(tiny)
    for one, other in zip(
        plain.generate(RED, 3, 7), plain.generate(RED, 3, 7, best_of=1), strict=True
    ):
        assert one.image.tobytes() == other.image.tobytes()
        assert one.metadata == other.metadata and "score" not in one.metadata
        assert one.score is other.score is None


def test_candidates_of_several_prompts_are_ranked_by_their_own_prompt(pipeline: Pipeline) -> None:
    plan = pipeline.plan([RED, YELLOW], n=2, seed=7, best_of=3)
    together = plan.result(pipeline.draw(plan.noise, plan.embedding))
    apart = [
        *pipeline.generate(RED, 2, 7, best_of=3),
        *pipeline.generate(YELLOW, 2, 7, best_of=3),
    ]
    assert [each.seed for each in together] == [each.seed for each in apart]
    assert [each.prompt for each in together] == [RED, RED, YELLOW, YELLOW]


def test_variations_and_truncated_pictures_are_ranked_as_they_are_drawn(pipeline: Pipeline) -> None:
    given = {"truncation": 0.7, "around": 3, "strength": 0.6}
    (best,) = pipeline.generate(RED, 1, 7, best_of=8, **given)  # type: ignore[arg-type]
    candidates = pipeline.generate(RED, 8, 7, **given)  # type: ignore[arg-type]
    pixels = np.stack([np.asarray(each.image) for each in candidates])
    scores = pipeline.score(pixels, pipeline.encode([RED] * 8))
    assert best.image.tobytes() == candidates[int(scores.argmax())].image.tobytes()
    assert best.score == pytest.approx(scores.max(), abs=1e-3)


def test_a_score_is_the_same_in_any_batch(pipeline: Pipeline) -> None:
    pictures = pipeline.generate(RED, MAX_BATCH + 3)
    pixels = np.stack([np.asarray(each.image) for each in pictures])
    embedding = pipeline.encode([RED] * len(pixels))
    together = pipeline.score(pixels, embedding)
    alone = [pipeline.score(pixels[i : i + 1], embedding[i : i + 1])[0] for i in (0, 5, MAX_BATCH)]
    assert together.shape == (MAX_BATCH + 3,)
    np.testing.assert_allclose(together[[0, 5, MAX_BATCH]], alone, rtol=1e-4)


def test_the_first_of_equal_candidates_is_kept() -> None:
    scores = np.array([1, 3, 3, 2, 2, 0], dtype=np.float32)
    assert best_rows(scores, 3).tolist() == [1, 3]
    assert best_rows(scores, 1).tolist() == list(range(6))


@given(n=st.integers(1, 50), best_of=st.integers(1, 20), seed=st.integers(0, 2**31))
def test_no_two_candidates_of_a_request_share_a_seed(n: int, best_of: int, seed: int) -> None:
    seeds = seeds_of(seed, n, best_of)
    assert seeds == range(seed, seed + n * best_of)


@pytest.mark.parametrize("best_of", [0, -1, MAX_BEST_OF + 1, True, 2.0, "4", None])
def test_best_of_is_a_whole_number_from_1_to_64(pipeline: Pipeline, best_of: int) -> None:
    with pytest.raises(
        PromptError, match=r"^best_of .* is not a whole number from 1 to 64"
    ) as told:
        pipeline.generate(RED, best_of=best_of)
    assert told.value.argument == "best_of"


def test_at_most_1000_candidates_are_drawn_and_all_have_a_seed(pipeline: Pipeline) -> None:
    assert len(seeds_of(0, 250, 4)) == 1_000
    with pytest.raises(PromptError, match=r"^best_of 5 is not a whole number from 1 to 4; .*1,000"):
        pipeline.generate(RED, 250, best_of=5)
    with pytest.raises(PromptError, match=r"^seed 4294967289 .* 4294967288 \(2\*\*32 - n \* best"):
        pipeline.generate(RED, 2, 2**32 - 7, best_of=4)


def test_a_saved_picture_tells_its_seed_and_score(pipeline: Pipeline, tmp_path: Path) -> None:
    first, second = pipeline.generate(RED, 2, 7, best_of=4)
    first.save(tmp_path / "one.png")
    told = read_metadata(tmp_path / "one.png")
    assert (told["seed"], told["score"]) == (str(first.seed), str(first.score))
    save_grid(in_a_square([first, second]), tmp_path / "sheet.png")
    sheet = read_metadata(tmp_path / "sheet.png")
    assert sheet["seed"] == f"{first.seed}\n{second.seed}"
    assert sheet["score"] == f"{first.score}\n{second.score}"


def test_a_bundle_without_a_ranker_names_itself_the_file_and_the_remedy(tiny: Bundle) -> None:
    with pytest.raises(
        BundleError,
        match=r"'tiny' has no ranker\.onnx .* captiongan rank train tiny DATA --out NEW",
    ) as told:
        Pipeline(tiny).generate(RED, best_of=4)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
def test_a_damaged_ranker_is_noticed_on_loading(tmp_path: Path, damage: str) -> None:
    file = write_tiny_bundle(tmp_path / "ranked", ranker=ranker()).folder / RANKER_FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content[:-1] if damage == "cut" else content)
    if damage == "missing":
        file.unlink()
    with pytest.raises(BundleError, match=RANKER_FILE):
        read_bundle(file.parent)


def test_a_foreign_ranker_is_named_with_what_it_should_be(tmp_path: Path) -> None:
    foreign = Pipeline(write_tiny_bundle(tmp_path / "foreign", ranker=ranker(side=16)))
    with pytest.raises(BundleError, match=r"\(\?, 3, 16, 16\).* must map .*\(\?, 3, 8, 8\)"):
        foreign.generate(RED, best_of=2)
    assert foreign.generate(RED)[0].score is None


def test_scores_that_are_not_finite_choose_nothing(tmp_path: Path) -> None:
    broken = Pipeline(write_tiny_bundle(tmp_path / "broken", ranker=ranker(scale=float("nan"))))
    with pytest.raises(
        BundleError, match=r"'tiny': ranker\.onnx returns a score that is not finite"
    ):
        broken.generate(RED, best_of=2)


def test_the_command_names_files_after_the_seeds_that_were_kept(
    ranked: Bundle, pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    options = ["--best-of", 4, "--seed", 7, "--bundle", ranked.folder, "-o", out]
    assert captiongan("generate", RED, "-n", 3, *options) == 0
    kept = pipeline.generate(RED, 3, 7, best_of=4)
    expected = [str(tmp_path / f"out-{picture.seed}.png") for picture in kept]
    assert capsys.readouterr().out.splitlines() == expected
    for picture, path in zip(kept, expected, strict=True):
        with Image.open(path) as image:
            assert image.tobytes() == picture.image.tobytes()
    assert captiongan("generate", RED, *options) == 0
    assert read_metadata(out)["score"] == str(kept[0].score)


def test_the_command_tells_in_one_line_what_cannot_be_ranked(
    tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--best-of", 4, "--bundle", tiny.folder, "-o", tmp_path / "out.png"]
    assert captiongan("generate", RED, *options) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("error: bundle 'tiny' has no ranker.onnx")
