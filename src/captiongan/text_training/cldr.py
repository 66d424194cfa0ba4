"""Names of things in two languages: Unicode's annotations of emoji (CLDR).

The folder is that of the npm package `cldr-annotations-full` (Unicode licence), of which nothing is
copied here: each language has a file `annotations/LANGUAGE/annotations.json` with the name of each
emoji and keywords.
"""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captiongan.errors import DataError


def read_annotations(folder: Path, language: str) -> Iterator[tuple[str, str]]:
    """Yield names in a language with the English ones, then names with keywords.

    Raises:
        DataError: a file is missing, or is not one of annotations.
    """
    own, english = _annotations(folder, language), _annotations(folder, "en")
    for emoji in own.keys() & english.keys():
        name, twin = _names(own[emoji], english[emoji])
        if name and twin:
            yield name, twin
            keywords = [*own[emoji].get("default", ())]
            if keywords:
                twins = english[emoji].get("default", ())
                yield f"{name}: {', '.join(keywords)}", f"{twin}: {', '.join(twins)}"


def _names(*facts: dict[str, Any]) -> list[str]:
    return [unicodedata.normalize("NFC", "".join(each.get("tts", [])[:1])) for each in facts]


def _annotations(folder: Path, language: str) -> dict[str, dict[str, Any]]:
    file = folder / "annotations" / language / "annotations.json"
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))["annotations"]["annotations"]
        return {emoji: dict(each) for emoji, each in facts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"CLDR annotations '{file}' cannot be read ({error}); name the folder of the npm "
            "package `cldr-annotations-full`"
        ) from error
