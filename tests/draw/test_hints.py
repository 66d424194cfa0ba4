"""Prompts whose pictures may not show all that they say are drawn with a warning that says why."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from captiongan.bundle.bundle import Bundle
from captiongan.bundle.manifest import BundleManifest
from captiongan.bundle.subject import Subject
from captiongan.draw.hints import similar_word, weak_words, with_hints
from captiongan.draw.pipeline import Pipeline
from captiongan.draw.prompts import PromptWarning, UnknownWordsWarning
from captiongan.errors import BundleError, PromptError

CAPTIONS = ["a red flower", "a yellow flower with pointed petals", "a red flower with petals"]


@pytest.fixture(scope="module")
def subject(pipeline: Pipeline) -> Subject:
    found = Subject.of(CAPTIONS * 40, pipeline.encode(CAPTIONS * 40))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def hinting(pipeline: Pipeline, subject: Subject) -> Pipeline:
    """A pipeline whose bundle says what its captions are about."""
    bundle = pipeline.bundle
    return Pipeline(Bundle(bundle.folder, replace(bundle.manifest, subject=subject)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a flower that is NOT red, without any spots", ["not", "without"]),
        ("a bird that isn't red and doesn\u2019t sing", ["isn't", "doesn\u2019t"]),
        ("three petals, five-pointed, 12 stamens; three", ["three", "five", "12"]),
        ("a knotted northern nose, often weighty tennis", []),
        ("a red flower", []),
    ],
)
def test_words_that_negate_or_count_are_found(text: str, words: list[str]) -> None:
    assert weak_words(text) == words


@pytest.mark.parametrize("word", ["yelow", "yellwo", "yelllow", "yallow", "yello", "ellow"])
def test_a_misspelt_word_is_likely_the_most_frequent_one_edit_away(word: str) -> None:
    assert similar_word(word, ["flower", "yellow", "mellow"]) == "yellow"


@pytest.mark.parametrize("word", ["yelo", "orange", "yellow", "yel", ""])
def test_any_other_word_is_like_none(word: str) -> None:
    assert similar_word(word, ["yellow", "yell"][: 1 + (word == "yel")]) is None


def test_a_known_word_that_negates_or_counts_is_weak_and_an_unknown_one_is_unknown(
    pipeline: Pipeline,
) -> None:
    reading = replace(pipeline.read("a red flower"), text="not three", unknown_words=["three"])
    assert with_hints(reading, None).weak_words == ["not"]


def test_a_misspelt_word_is_named_with_what_was_meant(hinting: Pipeline) -> None:
    with pytest.warns(UnknownWordsWarning, match=r"flwoer \(did you mean 'flower'\?\)$"):
        hinting.generate("a red flwoer with petals")
    with pytest.raises(PromptError, match=r"flwoer \(did you mean 'flower'\?\), pteals"):
        hinting.generate("flwoer pteals")


def test_only_a_prompt_far_from_all_captions_is_off_topic(
    hinting: Pipeline, subject: Subject
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hinting.generate("a red flower with petals")
    other = Pipeline(
        Bundle(
            hinting.bundle.folder,
            replace(
                hinting.manifest,
                subject=replace(subject, direction=tuple(-x for x in subject.direction)),
            ),
        )
    )
    with pytest.warns(PromptWarning, match="hardly knows sentences like 'a red flower'"):
        other.generate("a red flower")


def test_a_subject_survives_json(tiny: Bundle, subject: Subject) -> None:
    manifest = replace(tiny.manifest, subject=subject)
    assert BundleManifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("direction", "AAAA"),
        ("direction", "not base64"),
        ("direction", None),
        ("least", 1.5),
        ("least", True),
        ("least", "0.5"),
        ("words", ["flower"]),
        ("words", "a\nb"),
    ],
)
def test_a_damaged_subject_is_refused_by_name(
    tiny: Bundle, subject: Subject, field: str, value: object
) -> None:
    facts = subject.to_facts() | {field: value}
    with pytest.raises(BundleError, match=f"'subject > {field}' is"):
        Subject.from_facts({"subject": facts}, tiny.manifest.embedding_dim)


def test_captions_that_are_all_alike_leave_room_for_other_sentences() -> None:
    alike = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (100, 1))
    found = Subject.of(["a flower"] * 100, alike)
    assert found is not None and found.least == 0.44


def test_few_captions_do_not_tell_what_is_off_topic() -> None:
    alike = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (99, 1))
    assert Subject.of(["a flower"] * 99, alike) is None


def test_an_encoder_that_reads_no_text_gives_no_subject() -> None:
    assert Subject.of(["a flower"], np.empty((1, 0), dtype=np.float32)) is None
