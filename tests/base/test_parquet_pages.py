"""Parquet files that lie: what their pages say of themselves counts, before they are unpacked."""

import io
from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from captiongan.base import parquet_pages
from captiongan.base.parquet_pages import BadPagesError, check_pages, texts_in_lists

VALUES = ["a red rose"] * 2000 + [f"flower {number}" for number in range(3000)]


def written(values: Sequence[object], **options: object) -> io.BytesIO:
    content = io.BytesIO()
    pq.write_table(pa.table({"my.text": values, "other": values}), content, **options)
    return content


def checked(content: io.BytesIO) -> int:
    return check_pages(content, pq.ParquetFile(content), ["my.text"])


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_pages_of_an_honest_file_unpack_to_what_its_list_says(
    compression: str, version: str, dictionary: bool
) -> None:
    content = written(
        VALUES,
        compression=compression,
        data_page_version=version,
        use_dictionary=dictionary,
        data_page_size=4000,
        row_group_size=2500,
    )
    groups = pq.ParquetFile(content).metadata
    told = [groups.row_group(number).column(0).total_uncompressed_size for number in range(2)]
    headers = 0.02 * sum(told)
    assert sum(told) - headers - 1000 < checked(content) <= sum(told)


def varint(number: int, length: int) -> bytes:
    """Write a signed number as Thrift does, in so many bytes."""
    parts = [2 * number >> 7 * place & 127 | 128 for place in range(length)]
    return bytes([*parts[:-1], parts[-1] & 127])


def test_a_page_that_unpacks_to_more_than_the_list_of_the_file_says_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = written(["x" * 2**20], compression="zstd", use_dictionary=False)
    facts = pq.ParquetFile(content).metadata.row_group(0).column(0)
    told = varint(facts.total_uncompressed_size, 4)
    content = io.BytesIO(content.getvalue().replace(told, varint(99, 4)))
    assert pq.ParquetFile(content).metadata.row_group(0).column(0).total_uncompressed_size == 99
    monkeypatch.setattr(parquet_pages, "FREE", 2**19)
    with pytest.raises(BadPagesError, match=r"unpacks from .* to 1,048,586 bytes"):
        checked(content)


@pytest.mark.parametrize("encoding", ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_texts_that_may_share_their_beginnings_are_refused(encoding: str) -> None:
    content = written(VALUES, use_dictionary=False, column_encoding={"my.text": encoding})
    with pytest.raises(BadPagesError, match=r"'my.text' has an encoding that is none of PLAIN"):
        checked(content)


def test_damaged_headers_are_told() -> None:
    whole = written(VALUES).getvalue()
    start = pq.ParquetFile(io.BytesIO(whole)).metadata.row_group(0).column(0).dictionary_page_offset
    for place in range(start, start + 20):
        for bit in range(8):
            content = bytearray(whole)
            content[place] ^= 1 << bit
            with suppress(BadPagesError):
                assert checked(io.BytesIO(content)) < 2**26


def test_lists_of_many_values_are_read_as_dictionaries_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = written([["a rose"] * 9])
    table = pq.ParquetFile(content)
    assert texts_in_lists(content, table, ["my.text"]) == ["my.text.list.element"]
    monkeypatch.setattr(parquet_pages, "MOST_LISTED", 8)
    with pytest.raises(BadPagesError, match="or more than 8"):
        texts_in_lists(content, table, ["my.text"])


def test_a_page_that_goes_beyond_the_end_of_the_file_is_told() -> None:
    content = written(VALUES).getvalue()
    end = int.from_bytes(content[-8:-4], "little") + 8
    text_of_65535_bytes = b"\x18\xff\xff\x03"
    with pytest.raises(BadPagesError, match="cut short"):
        checked(io.BytesIO(content[:4] + text_of_65535_bytes + content[-end:]))


LEVELS = bytes([0x19, 0x26, 0, 2])
ENCRYPTED = bytes([0x5C, 0x2C, 0x19, 8, 0, 0])


@pytest.mark.parametrize(
    ("there", "instead", "reason"),
    [
        (LEVELS, bytes([0x19, 0x36, 0, 2, 0]), "the sizes of 'my.text' do not fit"),
        (bytes([0x3C, 0x29]), bytes([0x3C, 0x16, 8, 0x19]), "the sizes of 'other' do not fit"),
        (LEVELS + bytes(3), LEVELS + bytes(2) + ENCRYPTED + bytes(1), "'my.text' are encrypted"),
        (bytes([0x19, 0x2C]), bytes([0x19, 0x3C, 0x26, 0, 0]), "has 3 columns, not 2"),
    ],
    ids=["levels", "texts-that-are-none", "encrypted", "columns"],
)
def test_a_list_of_chunks_for_which_pyarrow_would_end_the_process_is_refused(
    there: bytes, instead: bytes, reason: str
) -> None:
    content = io.BytesIO()
    pq.write_table(pa.table({"my.text": ["rose"], "other": [1]}), content)
    whole = content.getvalue()
    start = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    assert there in whole[start:]
    end = whole[start:-8].replace(there, instead, 1)
    with pytest.raises(BadPagesError, match=reason):
        checked(io.BytesIO(whole[:start] + end + len(end).to_bytes(4, "little") + b"PAR1"))
