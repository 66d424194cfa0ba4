from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiongan.errors import DataError
from captiongan.text_training import corpus
from captiongan.text_training.corpus import Entry, gather, held_out
from captiongan.text_training.wordnet import Dictionary

CAPTIONS = [f"a flower with {count} petals" for count in range(400)]


def test_a_fiftieth_of_all_texts_is_held_out() -> None:
    share = sum(map(held_out, CAPTIONS)) / len(CAPTIONS)
    assert 0.005 < share < 0.045


@given(st.text())
def test_any_text_is_held_out_or_not_for_good(text: str) -> None:
    assert held_out(text) == held_out(text)


def test_what_is_held_out_is_nowhere_else() -> None:
    texts = gather([*CAPTIONS, *CAPTIONS], None, composed=300, seed=0)
    assert not set(texts.held_out) & set(texts.texts)
    assert {entry.text for entry in texts.captions} | set(texts.held_out) >= set(CAPTIONS)
    assert len(set(texts.texts)) == len(texts.texts)
    assert len(texts.looks) + sum(1 for text in texts.held_out if text not in CAPTIONS) == 300


def test_texts_come_as_captions_then_glosses_then_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    glosses = [f"the colour number {number}" for number in range(40)]
    dictionary = Dictionary((*glosses, CAPTIONS[0]), {"vermilion": "a vivid red"})
    monkeypatch.setattr(corpus, "read_wordnet", lambda _: dictionary)
    texts = gather(CAPTIONS[:20], Path("wordnet"), composed=30, seed=0)
    assert texts.entries == (*texts.captions, *texts.glosses, *texts.looks)
    assert texts.texts == [entry.text for entry in texts.entries]
    said = [entry.text for entry in texts.glosses]
    assert set(said) <= {*glosses, "vermilion"}, "a gloss that is a caption counts once"
    assert len(said) > 30


def test_a_name_reads_as_its_definition_and_a_caption_as_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dictionary = Dictionary((), {"vermilion": "a vivid red to reddish-orange colour"})
    monkeypatch.setattr(corpus, "read_wordnet", lambda _: dictionary)
    texts = gather(CAPTIONS[:1], Path("wordnet"), composed=0, seed=0)
    assert texts.captions == (Entry(CAPTIONS[0], CAPTIONS[0]),)
    assert texts.glosses == (Entry("vermilion", "a vivid red to reddish-orange colour"),)


def test_composed_sentences_bring_plain_words_and_colours() -> None:
    looks = gather([], None, composed=200, seed=0).looks
    assert sum(entry.text != entry.plain for entry in looks) > 50
    assert sum(len(entry.colours) > 1 for entry in looks) > 50


def test_the_seed_decides_what_is_composed() -> None:
    one, same, other = (gather(CAPTIONS, None, 50, seed).looks for seed in (1, 1, 2))
    assert one == same != other


def test_nothing_composed_is_allowed() -> None:
    assert gather(CAPTIONS, None, 0, 0).looks == ()


def test_a_dictionary_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no data\.noun"):
        gather(CAPTIONS, tmp_path, 0, 0)
