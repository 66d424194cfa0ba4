"""Lists a zip archive, and tells of a damaged list.

`zipfile` reads the list to where its lengths say, so that one changed length hides the files after
it. Here they must be as many as the end of the archive says.
"""

import zipfile
from pathlib import Path

_MARK, _MARK_64 = b"PK\x05\x06", b"PK\x06\x06"
_REACH = 2**16 + 22 + 20 + 56  # a comment, the end, and in large archives two more records
_TOO_MANY = 0xFFFF


def zip_infos(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """Return the files of an archive and its folders; raises BadZipFile if some are not listed."""
    infos, announced = archive.infolist(), _announced(path)
    if len(infos) != announced:
        raise zipfile.BadZipFile(f"it lists {len(infos)} of {announced} files")
    return infos


def _announced(path: Path) -> int:
    """Return how many files the end of an archive says that it has."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _REACH))
        end = file.read()
    place, place_64 = end.rfind(_MARK), end.rfind(_MARK_64)
    count = int.from_bytes(end[place + 10 : place + 12], "little")
    if count == _TOO_MANY and place_64 >= 0:
        return int.from_bytes(end[place_64 + 32 : place_64 + 40], "little")
    return count
