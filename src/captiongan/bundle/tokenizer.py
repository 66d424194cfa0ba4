"""Reads a `tokenizer.json`, as far as it is one that captiongan writes.

The library `tokenizers` trusts what it reads: a hostile file can make it panic, hang or end the
process. So it never sees the file. The few parts that our tokenizers have are checked here, and the
tokenizer is built of them.
"""

import json
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from tokenizers import Regex, Tokenizer
from tokenizers.models import Model, WordLevel, WordPiece
from tokenizers.normalizers import BertNormalizer, Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer, Split
from tokenizers.processors import TemplateProcessing

LARGEST_VOCABULARY = 2**18
LONGEST_WORD = 2**10
LONGEST_TEXT = 2**12
"""Upper bounds in entries, characters and tokens: far above any use, far below any harm."""

MARK = re.compile(r"\[[A-Z]+\]")
"""A token that stands for no word, such as `[CLS]`."""

TEXT = "$A"
"""Where the text stands between the marks of a template."""

Facts = Mapping[str, Any]
Choices = Sequence[tuple[Facts, Callable[[], Any]]]
"""What a file may say of a part, and what makes that part."""

_BERT = {"type": "BertNormalizer", "clean_text": True, "strip_accents": None, "lowercase": True}
NORMALIZERS: Choices = (
    (
        _BERT | {"handle_chinese_chars": True},
        lambda: BertNormalizer(lowercase=True, handle_chinese_chars=True),
    ),
    (
        _BERT | {"handle_chinese_chars": False},
        lambda: BertNormalizer(lowercase=True, handle_chinese_chars=False),
    ),
    (
        _BERT | {"handle_chinese_chars": True, "strip_accents": False},
        lambda: BertNormalizer(lowercase=True, handle_chinese_chars=True, strip_accents=False),
    ),
    ({"type": "Lowercase"}, Lowercase),
)
PRE_TOKENIZERS: Choices = (
    ({"type": "BertPreTokenizer"}, BertPreTokenizer),
    (
        {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False},
        lambda: Split(Regex("."), behavior="isolated"),
    ),
)


def read_tokenizer(content: bytes) -> Tokenizer:
    """Build the tokenizer that the content of a file describes.

    Raises:
        ValueError: it describes none that captiongan writes.
    """
    facts = _object(_parse(content), "content")
    model = _object(facts.get("model"), "model")
    vocabulary = _vocabulary(model)
    template = _template(facts.get("post_processor"), vocabulary)
    tokenizer = Tokenizer(_model(model, vocabulary))
    tokenizer.normalizer = _part(facts, "normalizer", NORMALIZERS)
    tokenizer.pre_tokenizer = _part(facts, "pre_tokenizer", PRE_TOKENIZERS)
    tokenizer.add_special_tokens(_marks(facts, vocabulary))
    if template:
        marks = [(mark, vocabulary[mark]) for mark in template if mark != TEXT]
        tokenizer.post_processor = TemplateProcessing(single=template, special_tokens=marks)
    length = _length(facts, len(template))
    tokenizer.enable_truncation(length)
    if facts.get("padding") is not None:
        mark = _padding(facts, vocabulary, length)
        tokenizer.enable_padding(length=length, pad_id=vocabulary[mark], pad_token=mark)
    return tokenizer


def _parse(content: bytes) -> object:
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _vocabulary(model: Facts) -> dict[str, int]:
    """Return the number of each token; the numbers count from 0, without a gap."""
    words = _object(model.get("vocab"), "vocabulary")
    "".join(words).encode()  # JSON may hold halves of characters: a ValueError
    numbers = [number for number in words.values() if type(number) is int]
    if not 0 < len(words) <= LARGEST_VOCABULARY or sorted(numbers) != [*range(len(words))]:
        raise _unknown("vocabulary", words)
    return dict(words)


def _model(model: Facts, vocabulary: dict[str, int]) -> Model:
    unknown, longest = model.get("unk_token"), model.get("max_input_chars_per_word")
    whole = {"type": "WordLevel", "vocab": vocabulary, "unk_token": unknown}
    pieces = whole | {
        "type": "WordPiece",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": longest,
    }
    if not _is_token(unknown, vocabulary):
        raise _unknown("unk_token", unknown)
    if model == whole:
        return WordLevel(vocabulary, unk_token=unknown)
    if model == pieces and _is_count(longest, LONGEST_WORD):
        return WordPiece(vocabulary, unk_token=unknown, max_input_chars_per_word=longest)
    raise _unknown("model", {**model, "vocab": "..."})


def _part(facts: Facts, name: str, choices: Choices) -> Any:
    for told, make in choices:
        if facts.get(name) == told:
            return make()
    raise _unknown(name, facts.get(name))


def _marks(facts: Facts, vocabulary: Mapping[str, int]) -> list[str]:
    """Return the tokens that stay whole in a text."""
    listed = facts.get("added_tokens")
    marks = [mark for mark in vocabulary if MARK.fullmatch(mark)]
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    known = [{"id": vocabulary[mark], "content": mark, "special": True} | plain for mark in marks]
    if not isinstance(listed, list) or any(each not in known for each in listed):
        raise _unknown("added_tokens", listed)
    return [each["content"] for each in listed]


def _template(processor: object, vocabulary: Mapping[str, int]) -> list[str]:
    """Return the marks around a text, in order, and `TEXT` in its place; nothing without any."""
    if processor is None:
        return []
    facts = _object(processor, "post_processor")
    items, told = facts.get("single"), facts.get("special_tokens")
    marks = [mark for mark in vocabulary if MARK.fullmatch(mark)]
    known = {mark: {"SpecialToken": {"id": mark, "type_id": 0}} for mark in marks}
    known[TEXT] = {"Sequence": {"id": "A", "type_id": 0}}
    if facts.get("type") == "TemplateProcessing" and isinstance(items, list):
        template = [name for item in items for name, meant in known.items() if item == meant]
        used = {name for name in template if name != TEXT}
        meant = {mark: {"id": mark, "ids": [vocabulary[mark]], "tokens": [mark]} for mark in used}
        if len(template) == len(items) and template.count(TEXT) == 1 and told == meant:
            return template
    raise _unknown("post_processor", processor)


def _length(facts: Facts, fewest: int) -> int:
    """Return how many tokens of a text are read, more than its marks."""
    truncation = _object(facts.get("truncation"), "truncation")
    length = truncation.get("max_length")
    known = {"direction": "Right", "strategy": "LongestFirst", "stride": 0, "max_length": length}
    if truncation == known and _is_count(length, LONGEST_TEXT) and length >= fewest:
        return length
    raise _unknown("truncation", truncation)


def _padding(facts: Facts, vocabulary: Mapping[str, int], length: int) -> str:
    """Return the token that fills up each text to the length."""
    padding = _object(facts["padding"], "padding")
    mark = padding.get("pad_token")
    known: Facts = {"strategy": {"Fixed": length}, "direction": "Right", "pad_to_multiple_of": None}
    if _is_token(mark, vocabulary):
        known = {**known, "pad_id": vocabulary[mark], "pad_type_id": 0, "pad_token": mark}
        if padding == known:
            return mark
    raise _unknown("padding", padding)


def _object(value: object, name: str) -> Facts:
    if isinstance(value, dict):
        return value
    raise _unknown(name, value)


def _is_token(value: object, vocabulary: Mapping[str, int]) -> TypeGuard[str]:
    return isinstance(value, str) and value in vocabulary


def _is_count(value: object, most: int) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= most


def _unknown(name: str, value: object) -> ValueError:
    return ValueError(f"its {name} is {reprlib.repr(value)}, which captiongan never writes")
