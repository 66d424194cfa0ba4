"""General English about things and looks, from a dictionary: WordNet 3.0 (Miller 1995).

It gives definitions, usage examples, and the names of visible things with their meanings. The
database is a folder of plain text files in the format that `man 5 wndb` describes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from captiongan.errors import DataError

DATA_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
"""The files that are read; a line is a synset, which is one meaning and the words for it."""

VISIBLE = {
    5: "animals",
    6: "artifacts",
    7: "attributes",
    8: "parts of the body",
    13: "food",
    17: "natural objects",
    18: "people",
    19: "natural phenomena",
    20: "plants",
    25: "shapes",
    27: "substances",
}
"""Lexicographer files (`man 5 lexnames`) of the nouns for visible things."""

SENSES = 3

_FIX = "install Debian's wordnet-base, or name the folder that has data.noun"
_SYNSET = re.compile(
    r"\d{8} (?P<file>\d\d) (?P<type>[nvasr]) (?P<count>[\da-f]{2}) (?P<words>.+?) \| (?P<gloss>.*)"
)
"""Offset, lexicographer file, type, number of words, words each with an id, pointers, gloss."""

_EXAMPLES_BEGIN = re.compile(r'[;:,]\s*(?=")')
_EXAMPLE = re.compile(r'"([^"]+)"')
_SYNTACTIC_MARKER = re.compile(r"\((?:a|p|ip)\)$")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class _Synset:
    part_of_speech: str
    lexicographer_file: int
    lemmas: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]

    @property
    def has_a_look(self) -> bool:
        return self.part_of_speech in "as" or self.lexicographer_file in VISIBLE


@dataclass(frozen=True)
class Dictionary:
    """The texts of a dictionary, each once and with at least one letter.

    `sentences` are definitions, then usage examples. `names` are the words for visible things, each
    with its definition; a word with several meanings has the first `SENSES` visible ones.
    """

    sentences: tuple[str, ...]
    names: Mapping[str, str]


def read_wordnet(folder: Path) -> Dictionary:
    """Read a WordNet database.

    Names are the lemmas of all adjectives and of the nouns in the lexicographer files `VISIBLE`.
    Within a kind, texts keep the order of the files.

    Args:
        folder: where `DATA_FILES` are; Debian puts them in `/usr/share/wordnet`.

    Raises:
        DataError: a file is missing or cannot be read, or a line is not in the format.
    """
    missing = [name for name in DATA_FILES if not (folder / name).is_file()]
    if missing:
        raise DataError(f"WordNet folder '{folder}' has no {', '.join(missing)}; {_FIX}")
    synsets = [synset for name in DATA_FILES for synset in _read_synsets(folder / name)]
    definitions = [synset.definition for synset in synsets]
    examples = [example for synset in synsets for example in synset.examples]
    senses: dict[str, list[str]] = {}
    for synset in synsets:
        for lemma in synset.lemmas if synset.has_a_look else ():
            senses.setdefault(lemma, []).append(synset.definition.strip())
    sentences = dict.fromkeys(text.strip() for text in definitions + examples)
    return Dictionary(
        tuple(text for text in sentences if _LETTER.search(text)),
        {
            name: "; ".join(meanings[:SENSES])
            for name, meanings in senses.items()
            if _LETTER.search(name) and name not in sentences
        },
    )


def _read_synsets(file: Path) -> Iterator[_Synset]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"WordNet file '{file}' cannot be read ({error}); {_FIX}") from error
    for number, line in enumerate(lines, start=1):
        if line.startswith("  "):  # the licence
            continue
        synset = _parse(line)
        if synset is None:
            raise DataError(
                f"WordNet file '{file}', line {number}: not a synset as `man 5 wndb` has it; {_FIX}"
            )
        yield synset


def _parse(line: str) -> _Synset | None:
    fields = _SYNSET.fullmatch(line)
    if not fields:
        return None
    length = 2 * int(fields["count"], 16)
    words_and_ids = fields["words"].split()[:length]
    if len(words_and_ids) < length:
        return None
    definition, *examples = _EXAMPLES_BEGIN.split(fields["gloss"].replace("`", "'"), maxsplit=1)
    return _Synset(
        part_of_speech=fields["type"],
        lexicographer_file=int(fields["file"]),
        lemmas=tuple(_plain_lemma(word) for word in words_and_ids[::2]),
        definition=definition,
        examples=tuple(_EXAMPLE.findall("".join(examples))),
    )


def _plain_lemma(word: str) -> str:
    return _SYNTACTIC_MARKER.sub("", word).replace("_", " ")
