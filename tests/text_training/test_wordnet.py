from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captiongan.errors import DataError
from captiongan.text_training.wordnet import DATA_FILES, read_wordnet

# Synsets made up in the format of `man 5 wndb`: offset, lexicographer file, type, number of words
# (hexadecimal), words each with a lex_id, number of pointers, pointers, frames of verbs, gloss.
LICENCE = "  1 The first lines tell the licence; they begin with two spaces. | \n"
SYNSETS = {
    "data.noun": [
        "00000100 20 n 02 red_clover 0 trefoil 1 001 @ 00000200 n 0000 | a plant with round "
        'flower heads; "clover grew in the red field"; "a trefoil has three leaves"  ',
        "00000200 09 n 01 opinion 0 000 | what someone holds to be so  ",
        "00000300 06 n 0b "
        + "".join(f"cup{number} 0 " for number in range(11))
        + "000 | for tea  ",
        '00000400 21 n 01 tax 0 000 | as in "a tax on tea"  ',
    ],
    "data.verb": [
        "00000100 30 v 01 redden 0 001 @ 00000200 v 0000 02 + 01 00 + 02 00 | turn red:"
        '"the sky reddens"  ',
    ],
    "data.adj": [
        "00000100 00 a 01 galore(ip) 0 000 | in great number (usually placed `last')  ",
        '00000200 00 s 03 ruby-red 0 main(a) 0 asleep(p) 0 000 | of a deep red; "ruby-red lips"  ',
        "00000300 01 a 01 floral 0 000 | a plant with round flower heads  ",
    ],
    "data.adv": ["00000100 02 r 01 redly 0 000 | 1 2 3  "],
}


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    for name, synsets in SYNSETS.items():
        (tmp_path / name).write_text(LICENCE + "".join(f"{synset}\n" for synset in synsets))
    return tmp_path


def test_sentences_are_definitions_then_examples(wordnet: Path) -> None:
    assert read_wordnet(wordnet).sentences == (
        "a plant with round flower heads",
        "what someone holds to be so",
        "for tea",
        'as in "a tax on tea"',
        "turn red",
        "in great number (usually placed 'last')",
        "of a deep red",
        "clover grew in the red field",
        "a trefoil has three leaves",
        "the sky reddens",
        "ruby-red lips",
    )


def test_names_are_of_what_can_be_seen_with_what_they_mean(wordnet: Path) -> None:
    names = read_wordnet(wordnet).names
    assert list(names) == [
        "red clover",
        "trefoil",
        *(f"cup{number}" for number in range(11)),
        "galore",
        "ruby-red",
        "main",
        "asleep",
        "floral",
    ]
    assert names["trefoil"] == "a plant with round flower heads"
    assert not {"opinion", "tax", "redden", "redly"} & set(names)


def test_a_name_has_the_first_meanings_that_have_a_look(wordnet: Path) -> None:
    synsets = [f"0000{number}000 05 n 01 teal 0 000 | kind {number}" for number in range(1, 6)]
    (wordnet / "data.noun").write_text(
        "00000900 09 n 01 teal 0 000 | an idea\n" + "\n".join(synsets)
    )
    assert read_wordnet(wordnet).names["teal"] == "kind 1; kind 2; kind 3"


def test_each_text_comes_once_stripped_and_with_a_letter(wordnet: Path) -> None:
    dictionary = read_wordnet(wordnet)
    texts = [*dictionary.sentences, *dictionary.names]
    assert len(set(texts)) == len(texts)
    assert all(text == text.strip() for text in texts)
    assert "1 2 3" not in texts


@pytest.mark.parametrize("name", DATA_FILES)
def test_a_missing_file_is_named_with_the_fix(wordnet: Path, name: str) -> None:
    (wordnet / name).unlink()
    with pytest.raises(DataError) as caught:
        read_wordnet(wordnet)
    message = str(caught.value)
    assert f"'{wordnet}' has no {name};" in message
    assert "install Debian's wordnet-base" in message


def test_a_missing_folder_is_named_with_all_its_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere' has no data\.noun, .*, data\.adv; install"):
        read_wordnet(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not a synset",
        "00000100 20 n 01 rose 0 000 a definition without a bar",
        "00000100 20 n zz rose 0 000 | number of words",
        "00000100 xx n 01 rose 0 000 | lexicographer file",
        "00000100 20 q 01 rose 0 000 | part of speech",
        "00000100 20 n 04 rose 0 000 | fewer words than it says",
        "00000100 20 n -1 rose 0 000 | fewer words than none",
    ],
)
def test_a_malformed_line_is_named_with_file_and_number(wordnet: Path, line: str) -> None:
    file = wordnet / "data.adj"
    file.write_text(f"{LICENCE}{SYNSETS['data.adj'][0]}\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_wordnet(wordnet)
    assert f"'{file}', line 3:" in str(caught.value)
    assert "install Debian's wordnet-base" in str(caught.value)


def test_a_file_that_is_not_text_is_named(wordnet: Path) -> None:
    (wordnet / "data.verb").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match=r"data\.verb' cannot be read .* install"):
        read_wordnet(wordnet)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    line=st.one_of(
        st.text(st.characters(codec="ascii")),
        st.integers(0, 120).map(lambda length: SYNSETS["data.noun"][0][:length]),
    )
)
def test_any_line_is_read_or_named(wordnet: Path, line: str) -> None:
    (wordnet / "data.noun").write_text(line)
    try:
        dictionary = read_wordnet(wordnet)
    except DataError as error:
        assert "data.noun', line" in str(error)
    else:
        assert all([*dictionary.sentences, *dictionary.names])
