"""Lists of the pictures of a test part: a file name on each line, `#` before a remark.

The folder `split_lists` has those of the shipped bundles.
"""

from pathlib import Path

from captiongan.errors import DataError

_SHIPPED = Path(__file__).parent / "split_lists"


def shipped_lists() -> list[str]:
    """Return the names of the shipped lists."""
    return sorted(path.stem for path in _SHIPPED.glob("*.txt"))


def read_list(name_or_path: str) -> list[str]:
    """Return the file names of a shipped list, or of a text file.

    Raises:
        DataError: there is no such list, or it is empty.
    """
    shipped = name_or_path in shipped_lists()
    path = _SHIPPED / f"{name_or_path}.txt" if shipped else Path(name_or_path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"--list '{name_or_path}' cannot be read ({error}); give a UTF-8 text file with a file "
            f"name on each line, or one of {', '.join(shipped_lists())}"
        ) from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise DataError(f"--list '{name_or_path}' is empty; write a file name on each line")
    return list(dict.fromkeys(names))
