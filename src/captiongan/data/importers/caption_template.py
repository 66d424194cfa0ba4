"""Composes captions from class names and attributes, by a small file of sentences.

    # a sentence a line; {column} is what a table says of the picture
    a [photo|picture] of {a class}
    {a colour} {class} on {a background} background

`{class}` is the picture's class, `{a class}` the same with `a` or `an`, `[photo|picture]` one of
these words. A sentence is skipped for a picture that lacks one of its columns.
"""

import hashlib
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from captiongan.base.articles import with_article
from captiongan.data.importers.csv_table import (
    TABLE_OPTIONS,
    holds_table,
    note,
    read_table,
    rows_by_file,
)
from captiongan.data.importers.items import (
    PICTURE,
    Found,
    Item,
    Note,
    Rejected,
    Request,
    linked_folder,
    only_splits,
)
from captiongan.data.importers.source import members
from captiongan.data.importers.table_pictures import pictures_of
from captiongan.errors import DataError

CAPTIONS = 5
"""The most captions of a picture."""

_FIELD = re.compile(r"\{(an? )?([^{}]+)\}", re.IGNORECASE)
_CHOICE = re.compile(r"\[([^\[\]]+)\]")
_NUMBER = re.compile(r"^\d+[. _-]+(?=\D)")


def read(request: Request) -> Iterator[Item]:
    """Stream pictures with composed captions.

    The source is a CSV table of pictures with columns to use in sentences, or a folder or an
    archive in which the folder of a picture is its class.

    Raises:
        DataError: the template or the source cannot be read.
    """
    assert request.template is not None
    sentences = read_template(request.template)
    if holds_table(request.source):
        splits = only_splits(request, "caption-template", "source", "none", uses=TABLE_OPTIONS)
        return _of_table(request, sentences, splits == "source")
    only_splits(request, "caption-template of a folder", "none")
    return _of_folders(request, sentences)


def read_template(path: Path) -> list[str]:
    """Return the sentences of a template file; raises DataError if there are none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"template '{path}' cannot be read ({error}); give a UTF-8 text file, a sentence a line"
        ) from error
    sentences = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not sentences:
        raise DataError(f"template '{path}' is empty; write sentences such as `a {{class}}`")
    return sentences


def compose(sentences: list[str], facts: Mapping[str, str], rng: random.Random) -> tuple[str, ...]:
    """Return a few different captions that the facts allow, in random order."""
    composed = (_filled(sentence, facts, rng) for sentence in sentences)
    captions = list(dict.fromkeys(filter(None, composed)))
    return tuple(rng.sample(captions, min(CAPTIONS, len(captions))))


def class_words(name: str) -> str:
    """Return a folder's name as words: `001.Black_footed_Albatross` is `black footed albatross`."""
    return " ".join(re.sub(r"[_\W]+", " ", _NUMBER.sub("", name)).lower().split())


def _filled(sentence: str, facts: Mapping[str, str], rng: random.Random) -> str | None:
    sentence = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), sentence)
    fields = {found[2].strip().lower() for found in _FIELD.finditer(sentence)}
    if not all(facts.get(field) for field in fields):
        return None

    def fill(found: re.Match[str]) -> str:
        word = facts[found[2].strip().lower()]
        return with_article(word) if found[1] else word

    return " ".join(_FIELD.sub(fill, sentence).split())


def _of_table(request: Request, sentences: list[str], by_source: bool) -> Iterator[Item]:
    table = read_table(request)
    remarks = (*table.remarks("class"), *_unfillable(sentences, {*table.columns, "class"}))
    notes: dict[str, Note] = {}
    for item in rows_by_file(table):
        if isinstance(item, Rejected):
            yield item
            continue
        key, row = item
        if key in notes:
            yield table.rejected(row.line, f"an earlier row names '{key}'", "duplicate")
            continue
        facts = {name: value.strip() for name, value in row.cells.items()}
        said = note(table, row, (), by_source, remarks + row.remarks)
        if said.label:
            facts["class"] = class_words(said.label)
        notes[key] = replace(said, captions=compose(sentences, facts, _rng(request, key)))
    yield from pictures_of(request.pictures or table.home, notes)


def _unfillable(sentences: list[str], known: set[str]) -> tuple[str, ...]:
    """Return a remark if sentences have fields that nothing can fill."""
    fields = {found[2].strip().lower() for line in sentences for found in _FIELD.finditer(line)}
    unknown = ", ".join(f"{{{field}}}" for field in sorted(fields - known))
    return (f"without sentences of {unknown}: the source has no such column",) if unknown else ()


def _of_folders(request: Request, sentences: list[str]) -> Iterator[Item]:
    remarks = _unfillable(sentences, {"class"})
    for member in members(request.source):
        if refusal := linked_folder(member):
            yield refusal
        elif PICTURE.search(member.name):
            *_, folder, _ = ("", "", *member.name.split("/"))
            facts = {"class": class_words(folder)}
            captions = compose(sentences, facts, _rng(request, member.name))
            if folder:
                yield Found(member.name, Note(captions, folder, remarks=remarks), member.read)
            else:
                yield Rejected(member.name, "no class", "it lies in no folder named after a class")


def _rng(request: Request, name: str) -> random.Random:
    """Return a random generator that depends on the seed and the picture alone."""
    content = f"{request.seed}/{name}".encode(errors="replace")
    return random.Random(hashlib.sha256(content).digest())
