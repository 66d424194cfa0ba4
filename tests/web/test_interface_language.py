"""The interface speaks Vietnamese as well as English: every word that it shows has its twin."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import cast

import pytest

from captiongan.bundle.text_encoder import Reading
from captiongan.draw.prompts import check_words
from captiongan.errors import PromptError
from captiongan.page.markup import LICENCES, OPENING, STATIC
from captiongan.page.parts import ENGINE
from captiongan.web.errors import RefusedError

FOR_WATCHING = {"chart.js", "curves.js", "judge.js", "samples.js", "watch.js"}
"""Modules of the page on a training, which is in English."""

PROGRAMS = {"commands.js"}
"""Modules whose texts are programs."""

NAMES = {"captiongan", "studio", "captiongan studio", "PNG", "English", "Tiếng Việt"}

STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
CALL = re.compile(r'\bt\(\s*"((?:[^"\\]|\\.)*)"')
ERROR = re.compile(
    r'new (?:Error|ApiError|RuleError(?=\("prompt"))\((?:"(prompt)", )?(.*?)\);', re.DOTALL
)
"""An error that a reader can meet; the other rules are for who writes a page of his own."""
PLACE = re.compile(r"\{(\w+)\}")
WORDS = re.compile(r"[^\W\d_]{2,}[.:;]? [^\W\d_]{2,}|^[A-Z][a-z]+$")
"""What looks as if somebody should read it: two words, or one with a capital."""

NOT_SHOWN = re.compile(
    r"no longer wanted|AbortError|Enter|Escape|Files|Authorization|Bearer 7|(Content|Retry)-\w+"
)

ENTRY = re.compile(r'^  "(.*)":\s+"(.*)",$', re.MULTILINE)


def table() -> dict[str, str]:
    """The Vietnamese words by the English ones."""
    code = (STATIC / "vietnamese.js").read_text(encoding="utf-8")
    entries = ENTRY.findall(code)
    assert len(entries) == len(dict(entries)) == code.count('",\n')
    return dict(entries)


def modules() -> Iterator[tuple[str, str]]:
    """The modules of the studio, without comments."""
    for path in sorted(STATIC.glob("*.js")):
        if path.name not in FOR_WATCHING | PROGRAMS | {"vietnamese.js"}:
            code = path.read_text(encoding="utf-8")
            yield path.name, re.sub(r"/\*.*?\*/|(?:^|\s)//[^\n]*", "", code, flags=re.DOTALL)


def is_shown(text: str) -> bool:
    return bool(WORDS.search(text)) and not NOT_SHOWN.fullmatch(text)


class Shown(HTMLParser):
    """Collects what a page shows, but not what says its own language."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: set[str] = set()
        self._skipped: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        facts = dict(attributes)
        if self._skipped is None:
            self.words |= {facts.get(name) or "" for name in ("aria-label", "title")} - {""}
        if ("lang" in facts and tag != "html") or tag in ("kbd", "code", "option"):
            self._skipped = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._skipped:
            self._skipped = None

    def handle_data(self, data: str) -> None:
        if self._skipped is None and re.search(r"\w", data):
            self.words.add(data.strip())


def shown() -> set[str]:
    """The words in the markup of the studio and of the page without a server."""
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    return (Shown(index).words | Shown(OPENING + LICENCES).words) - NAMES


def called() -> set[str]:
    """The words that the modules show."""
    return {words for _, code in modules() for words in CALL.findall(code)}


def thrown() -> Iterator[str]:
    """Errors that the modules and the engine in the browser throw, with some values in them."""
    for path in [STATIC / "server.js", *ENGINE.glob("*.js")]:
        code = re.sub(r"\$\{.*?\}", "7", path.read_text(encoding="utf-8"))
        for field, statement in ERROR.findall(code):
            texts = [one or other for one, other in STRING.findall(statement)]
            yield from [f"prompt {''.join(texts)}"] if field else filter(is_shown, texts)


def refused() -> Iterator[str]:
    """Answers of the server to what can be asked for on its page."""
    for words, unknown in ((0, []), (3, ["klee", "gras"])):
        reading = SimpleNamespace(
            text="klee gras moos", words=words, unknown_words=unknown, suggestions={}
        )
        with pytest.raises(PromptError) as error:
            check_words(cast(Reading, reading), "tiny")
        yield str(error.value)
    for path in STATIC.parent.glob("*.py"):
        for what in re.findall(r'busy\(f"(.*?)"\)', path.read_text(encoding="utf-8")):
            yield str(RefusedError.busy(re.sub(r"\{.*?\}", "7", what)))


def twin_of(message: str) -> str | None:
    """The row of the table by which the page translates a message."""
    for english in table():
        parts = (
            ".+" if place % 2 else re.escape(part)
            for place, part in enumerate(PLACE.split(english))
        )
        if re.fullmatch("".join(parts), message, re.DOTALL):
            return english
    return None


def test_a_text_has_the_same_places_in_both_languages_each_once() -> None:
    for english, vietnamese in table().items():
        places = PLACE.findall(english)
        assert len(places) == len(set(places)), english
        assert sorted(PLACE.findall(vietnamese)) == sorted(places), english


def test_all_that_the_pages_show_is_in_the_table_and_nothing_else() -> None:
    messages = {message: twin_of(message) for message in [*thrown(), *refused()]}
    assert not [message for message, twin in messages.items() if twin is None]
    assert shown() | called() | {*messages.values()} == table().keys()


def test_no_module_shows_words_in_another_way() -> None:
    errors = {*thrown()}
    for name, code in modules():
        others = CALL.sub("", re.sub(r"^import .*$", "", code, flags=re.MULTILINE))
        texts = {re.sub(r"\$\{.*?\}", "7", one or other) for one, other in STRING.findall(others)}
        assert not set(filter(is_shown, texts)) - errors, name
