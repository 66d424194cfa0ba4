"""`data caption-template`: captions from class names and attributes, by a file of sentences."""

import random
from pathlib import Path

import pytest

from captiongan.data.folder import LoadedExample, read_captioned_folder
from captiongan.data.importers.caption_template import class_words, compose, read_template
from captiongan.errors import DataError
from support.command_line import captiongan
from support.tiny_layouts import picture, write_folder


def composed(sentence: str, seed: int = 0, **facts: str) -> tuple[str, ...]:
    return compose([sentence], facts, random.Random(seed))


def captions(root: Path) -> dict[str, tuple[str, ...]]:
    items = [item for item in read_captioned_folder(root, 1) if isinstance(item, LoadedExample)]
    return {item.example.file_name: item.example.captions for item in items}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("a photo of {a class}", "a photo of an orange rose"),
        ("{An CLASS}", "an orange rose"),
        ("{class}  on { ground } ", "orange rose on grass"),
        ("one [only] word", "one only word"),
    ],
)
def test_fields_and_articles_are_filled_in(sentence: str, expected: str) -> None:
    assert composed(sentence, 0, **{"class": "orange rose", "ground": "grass"}) == (expected,)


def test_one_of_several_words_is_chosen() -> None:
    chosen = {composed("a [photo|picture]", seed)[0] for seed in range(20)}
    assert chosen == {"a photo", "a picture"}


@pytest.mark.parametrize("facts", [{}, {"colour": ""}])
def test_a_sentence_that_needs_what_is_not_known_is_left_out(facts: dict[str, str]) -> None:
    assert compose(["a {colour} one", "a rose"], facts, random.Random(0)) == ("a rose",)


def test_at_most_five_different_captions_are_composed() -> None:
    sentences = [f"rose {number % 7}" for number in range(50)]
    made = compose(sentences, {}, random.Random(0))
    assert len(set(made)) == len(made) == 5


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("001.Black_footed_Albatross", "black footed albatross"),
        ("oak-tree", "oak tree"),
        ("7up", "7up"),
        ("12", "12"),
    ],
)
def test_a_folders_name_becomes_words(folder: str, words: str) -> None:
    assert class_words(folder) == words


def test_pictures_in_folders_of_classes_get_captions_and_classes(tmp_path: Path) -> None:
    files = {f"{kind}/{n}.jpg": picture(n) for n, kind in enumerate(["red_rose", "oak"])}
    write_folder(tmp_path / "source", files | {"red_rose/notes.txt": b"x", "top.jpg": picture(3)})
    (tmp_path / "t.txt").write_text("# kinds\na {class}\n\n{a class} in a garden\n")
    out = tmp_path / "out"
    assert captiongan("data", "caption-template", tmp_path / "source", tmp_path / "t.txt", out) == 0
    made = {name: set(texts) for name, texts in captions(out).items()}
    assert made == {
        "pictures/0.jpg": {"a red rose", "a red rose in a garden"},
        "pictures/1.jpg": {"a oak", "an oak in a garden"},
    }


def test_columns_of_a_table_are_fields(tmp_path: Path) -> None:
    rows = "file,Colour,kind,class\n1.jpg,blue,flower,7_A\n2.jpg,,flower,B\n"
    write_folder(
        tmp_path / "source", {"t.csv": rows.encode(), "1.jpg": picture(1), "2.jpg": picture(2)}
    )
    (tmp_path / "t.txt").write_text("{a colour} {kind}\n{a kind} of class {class}\n")
    out = tmp_path / "out"
    assert captiongan("data", "caption-template", tmp_path / "source", tmp_path / "t.txt", out) == 0
    made = {name: set(texts) for name, texts in captions(out).items()}
    assert made == {
        "pictures/1.jpg": {"a blue flower", "a flower of class a"},
        "pictures/2.jpg": {"a flower of class b"},
    }


def test_what_has_no_effect_on_the_captions_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "file,colour,class\n1.jpg,blue,rose\n1.jpg,red,rose\n"
    write_folder(tmp_path / "source", {"t.csv": rows.encode(), "1.jpg": picture(1)})
    (tmp_path / "t.txt").write_text("{a colour} {class}\n{a color} {class} [in {ground}|]\n")
    out = tmp_path / "out"
    assert captiongan("data", "caption-template", tmp_path / "source", tmp_path / "t.txt", out) == 0
    assert captions(out) == {"pictures/1.jpg": ("a blue rose",)}
    assert capsys.readouterr().out.splitlines()[1:] == [
        "2 read, 1 kept, 1 rejected",
        "  1 duplicate",
        "1 kept without sentences of {color}, {ground}: the source has no such column",
    ]


def test_a_seed_and_a_name_decide_the_captions(tmp_path: Path) -> None:
    write_folder(tmp_path / "source", {f"rose/{n}.jpg": picture(n) for n in range(8)})
    (tmp_path / "t.txt").write_text("a [red|pink|wide|small|old|new] {class}\n")

    def made(out: str, seed: int) -> dict[str, tuple[str, ...]]:
        options = ["--seed", seed]
        arguments = [tmp_path / "source", tmp_path / "t.txt", tmp_path / out, *options]
        assert captiongan("data", "caption-template", *arguments) == 0
        return captions(tmp_path / out)

    first = made("a", 0)
    assert first == made("b", 0) != made("c", 1)
    assert len(set(first.values())) > 1


@pytest.mark.parametrize("content", [None, b"", b"# only words to oneself\n", b"\xff"])
def test_a_template_without_sentences_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(DataError, match="template"):
        read_template(tmp_path / "t.txt")
