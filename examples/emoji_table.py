"""A table of emoji, their names and keywords, from two npm packages.

    npm install emoji-datasource-google@16.0.0 emojilib@4.0.3
    python examples/emoji_table.py node_modules emoji.csv

Pictures: Noto Emoji (Apache-2.0), 64 x 64 pixels, transparent, in
node_modules/emoji-datasource-google/img/google/64. Names: emoji-datasource (MIT). Keywords:
emojilib (MIT).
"""

import csv
import json
import sys
from pathlib import Path

KEYWORDS = 5


def main(modules: Path, out: Path) -> None:
    """Write a row for each emoji that has a picture."""
    emoji = json.loads((modules / "emoji-datasource-google" / "emoji.json").read_text())
    keywords = json.loads((modules / "emojilib" / "dist" / "emoji-en-US.json").read_text())
    by_character = {character.replace("\ufe0f", ""): words for character, words in keywords.items()}
    with out.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "name", *(f"keyword {n + 1}" for n in range(KEYWORDS)), "class"])
        for each in sorted(emoji, key=lambda each: each["sort_order"]):
            if each["has_img_google"]:
                character = "".join(chr(int(code, 16)) for code in each["unified"].split("-"))
                name = each["name"].lower()
                rows.writerow(
                    [
                        each["image"],
                        name,
                        *told(by_character.get(character.replace("\ufe0f", ""), []), name),
                        each["subcategory"],
                    ]
                )


def told(keywords: list[str], name: str) -> list[str]:
    """Return the first few keywords that are words and say more than the name; blanks for none."""
    said = set(name.split())
    words = [word.replace("_", " ") for word in keywords if word.isascii() and word[0].isalnum()]
    more = [word for word in words if not said.issuperset(word.split())]
    return [*more, *[""] * KEYWORDS][:KEYWORDS]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
