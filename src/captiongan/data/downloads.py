"""Fetches the official files of a data set: resumes, retries and checks.

A file is fetched into `NAME.part`, and gets its name once it is whole and is what was published.
If no checksum is published, `checksums.json` notes the file's sha256 at the first use and holds it
to that from then on.
"""

import hashlib
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path

from captiongan.base.files import naming, os_errors_as, replace_file, sha256_of
from captiongan.base.progress import Pace
from captiongan.data.importers.source import unfolded
from captiongan.data.published import DataSet, RemoteFile
from captiongan.errors import DataError, OutputError

CHECKSUMS = "checksums.json"

TRIES = 6
"""Tries in a row without a new byte before a file is given up."""

SECONDS_BETWEEN_LINES = 5
"""How often a download reports its progress."""

_TIMEOUT = 30
_CHUNK = 2**18
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)$")
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class _FetchError(Exception):
    """A try that failed and is worth repeating."""


class _WrongError(_FetchError):
    """All bytes arrived, but they are not those of the published file."""


def announcement(data_set: DataSet, folder: Path) -> list[str]:
    """Return lines on what will be fetched, how large it is, and under which terms.

    They also say what to do without a network: put the same files into the same folder.
    """
    lines = [f"{data_set.title}.", data_set.terms, f"To be fetched into '{folder}':"]
    for file in data_set.files:
        size = f"{file.size / 1e6:,.1f} MB" if file.size else "size not published"
        here = ", is here" if (folder / file.name).exists() else ""
        lines.append(f"  {file.name} ({size}{here}) from {file.url}")
    return [*lines, "Without a network, put files of these names there yourself."]


def fetch_all(
    data_set: DataSet,
    folder: Path,
    mirror: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch the files of a data set that are not there yet, and check those that are.

    Args:
        data_set: what to fetch.
        folder: where the files go, made if absent. A file that was begun is resumed.
        mirror: address of a folder with files of the same names.
        say: receives a line for each step.
        pause: waits so many seconds between two tries.

    Raises:
        DataError: a file cannot be fetched, or is not the published one.
        OutputError: the folder cannot be written to.
    """
    if mirror is not None and urllib.parse.urlsplit(mirror).scheme not in ("http", "https"):
        raise DataError(f"--mirror '{mirror}' is no address; give one such as https://host/folder")
    what = f"folder '{folder}' cannot be written to"
    with os_errors_as(OutputError, what, "make room, or choose another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        for file in data_set.files:
            path = folder / file.name
            if not path.exists():
                url = f"{mirror.rstrip('/')}/{file.name}" if mirror else file.url
                _Download(file, url, path, say, pause).run()
            elif reason := _fault(file, path):
                raise DataError(f"'{path}' is not the published file ({reason}); remove it")
            _note_checksum(path)
            say(f"{file.name}: whole" + (", as published" if file.md5 else ""))


class _Download:
    """One file in transfer: `NAME.part` holds its beginning, `NAME.part.tag` its version."""

    def __init__(
        self,
        file: RemoteFile,
        url: str,
        path: Path,
        say: Callable[[str], None],
        pause: Callable[[float], None],
    ) -> None:
        self._file, self._url, self._path, self._say, self._pause = file, url, path, say, pause
        self._part = path.with_name(f"{path.name}.part")
        self._tag = path.with_name(f"{path.name}.part.tag")

    def run(self) -> None:
        """Fetch the file; raises DataError if that fails."""
        failures = wrong = 0
        while True:
            before = self._size()
            try:
                self._fetch()
                if reason := _fault(self._file, self._part):
                    raise _WrongError(reason)
                break
            except _FetchError as error:
                if isinstance(error, _WrongError):
                    wrong += 1
                    self._forget()
                failures = 0 if self._size() > before else failures + 1
                if failures == TRIES or wrong == 2:
                    raise self._lost(str(error)) from error
                self._say(f"{self._file.name}: {error}; trying again")
                self._pause(min(2**failures, 60))
        self._part.replace(self._path)
        self._tag.unlink(missing_ok=True)

    def _fetch(self) -> None:
        """Request the missing bytes; raises _FetchError if not all of them arrive."""
        have = self._size()
        request = urllib.request.Request(self._url, headers={"User-Agent": "captiongan"})
        if have:
            request.add_header("Range", f"bytes={have}-")
            if self._tag.exists():
                request.add_header("If-Range", self._tag.read_text())
        try:
            response = urllib.request.urlopen(request, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing is missing, or the part is of another file
                return
            if error.code not in _PASSING:
                raise self._lost(f"the server answers {error.code}") from error
            raise _FetchError(f"the server answers {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _FetchError(f"no connection ({error})") from error
        with response:
            self._take(response, have)

    def _take(self, response: http.client.HTTPResponse, have: int) -> None:
        """Append the response to the part, or begin again if it is no continuation."""
        total = _whole_number(response.headers.get("Content-Length"))
        if response.status == 206:
            found = _RANGE.match(response.headers.get("Content-Range", ""))
            if not found or int(found[1]) != have:
                self._forget()
                raise _FetchError("the server sends another part than requested")
            total = _whole_number(found[2])
        else:
            have = 0
        self._remember_version(response.headers)
        most = total if self._file.size is None else self._file.size
        with naming(self._part), self._part.open("ab" if have else "wb") as part:
            pace = Pace(SECONDS_BETWEEN_LINES)
            while chunk := _chunk(response):
                part.write(chunk)
                have += len(chunk)
                if most is not None and have > most:
                    raise _WrongError(f"more than {most} bytes")
                if pace.due():
                    self._say(
                        f"{self._file.name}: {have / 1e6:,.1f} of {(most or 0) / 1e6:,.1f} MB"
                    )
        if most is not None and have < most:
            raise _FetchError(f"the connection ended after {have} of {most} bytes")

    def _remember_version(self, headers: Message) -> None:
        """Note the version of the beginning, so that no other is appended to it."""
        tag = headers.get("ETag", "")
        version = tag if tag.startswith('"') else headers.get("Last-Modified", "")
        if version:
            with naming(self._tag):
                self._tag.write_text(version)
        else:
            self._tag.unlink(missing_ok=True)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _forget(self) -> None:
        self._part.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)

    def _lost(self, reason: str) -> DataError:
        return DataError(
            f"'{self._url}' cannot be fetched ({reason}); repeat the command to resume, give a "
            f"--mirror, or put {self._file.name} into '{self._path.parent}' yourself"
        )


def _chunk(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _FetchError(f"the connection broke ({type(error).__name__})") from error


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _fault(file: RemoteFile, path: Path) -> str | None:
    """Return why a file is not the published one; None if it is."""
    with path.open("rb") as content:
        if content.read(len(file.starts_with)) != file.starts_with:
            return "it is another kind of file, such as a web page"
        content.seek(0)
        digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False))
    if file.md5 is not None:
        return None if digest.hexdigest() == file.md5 else f"its md5 is not {file.md5}"
    noted = _checksums(path.parent).get(file.name)
    if noted is not None and sha256_of(path) != noted:
        return f"its sha256 is not that of the first use, {noted}; see {CHECKSUMS}"
    try:
        for _ in unfolded(path, file.name):
            pass
    except DataError as error:
        return str(error)
    return None


def _checksums(folder: Path) -> dict[str, str]:
    path = folder / CHECKSUMS
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise DataError(f"'{path}' is damaged ({error}); remove it") from error


def _note_checksum(path: Path) -> None:
    """Note the sha256 of a file, if none is noted."""
    noted = _checksums(path.parent)
    if path.name not in noted:
        noted[path.name] = sha256_of(path)
        replace_file(path.parent / CHECKSUMS, (json.dumps(noted, indent=2) + "\n").encode())
