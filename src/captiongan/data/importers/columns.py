"""The columns in which tables and parquet files have captions, classes and pictures."""

from collections.abc import Collection, Mapping

COLUMNS = {
    "picture": ("file", "file_name", "filename", "image", "image_name", "picture", "path", "name"),
    "caption": ("caption", "captions", "text", "description", "sentence", "prompt", "title"),
    "class": ("class", "label", "category", "class_name"),
    "split": ("split", "subset", "set"),
}
"""The usual names of the columns; the first that the table has counts."""


def not_taken(
    chosen: Mapping[str, str | None], columns: Collection[str], asked: Mapping[str, str]
) -> tuple[str, ...]:
    """Return a remark for each meaning whose other usual columns are not taken.

    Args:
        chosen: the columns that are, by meaning.
        columns: all that there are.
        asked: those that the user named.
    """
    others = {
        meaning: ", ".join(name for name in COLUMNS[meaning] if name in columns and name != taken)
        for meaning, taken in chosen.items()
        if taken and meaning not in asked
    }
    return tuple(
        f"with {meaning} from column {chosen[meaning]}, not {names} (--{meaning}-column chooses)"
        for meaning, names in others.items()
        if names
    )
