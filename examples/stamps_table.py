"""A table of the stamps of Tux Paint, what they show and of what kind they are.

    apt-get install --no-install-recommends tuxpaint-stamps-default
    python examples/stamps_table.py /usr/share/tuxpaint/stamps stamps.csv

Tux Paint's stamps (GPL-2) are photographs and drawings, most of them transparent. A text file
beside each begins with its English caption. Symbols (letters, digits, notes, coins) are left out,
and so are stamps that exist as SVG alone.
"""

import csv
import re
import sys
from pathlib import Path

END = re.compile(r" ?[.!?:;(\u2013\u2014]| is | means ")
ARTICLE = re.compile(r"^(an?|the|our|some|two) ")


def main(stamps: Path, out: Path) -> None:
    """Write a row for each stamp."""
    with out.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "caption", "name", "style", "class"])
        for text in sorted(stamps.rglob("*.txt")):
            picture = text.with_suffix(".png")
            folders = picture.parent.relative_to(stamps).parts
            if picture.exists() and folders[0] != "symbols":
                caption = told(text)
                rows.writerow(
                    [
                        picture.relative_to(stamps).as_posix(),
                        caption,
                        ARTICLE.sub("", caption),
                        "cartoon" if "cartoon" in folders else "",
                        "/".join(folder for folder in folders if folder != "cartoon"),
                    ]
                )


def told(text: Path) -> str:
    """Return what a caption names, such as "a squirrel".

    Where it seems to name nothing ("Say cheese!"), return the words of the file's name.
    """
    line = text.read_text(encoding="utf-8").partition("\n")[0].lower()
    caption = re.sub("[\u201c\u201d]", "", END.split(line)[0].replace("\u2019", "'"))
    if ARTICLE.match(caption) or ("!" not in line and len(caption.split()) in range(1, 5)):
        return caption
    return " ".join(re.findall(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}", text.stem)).lower()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
