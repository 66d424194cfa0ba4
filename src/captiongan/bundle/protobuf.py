"""A strict reader of protocol buffers: of each message only the known fields, in the one true form.

The usual readers are lenient: they pass over unknown fields, merge what comes twice, keep the low
bits of a number that is too large, and take several encodings for the same. Two of them can so read
different messages from the same bytes. Here a message counts only if writing it anew would give
these very bytes; what one such reader sees, any other sees, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Read = dict[str, list[Any]]
"""The values of a message by the names of its fields, an empty list for one that is not there."""


class Kind(Enum):
    """What a field holds, if no message."""

    INT32 = "a number of 32 bits, not negative"
    INT64 = "a number of 64 bits; a negative one is read with 2**64 added"
    FLOAT = "four bytes"
    TEXT = "UTF-8"
    BYTES = "bytes"


@dataclass(frozen=True)
class Field:
    """A field that a message may have."""

    name: str
    kind: "Kind | Message"
    repeated: bool = False


@dataclass(frozen=True, eq=False)
class Message:
    """A kind of message: its fields by their numbers."""

    name: str
    fields: Mapping[int, Field]


NUMBER, LENGTH, FOUR_BYTES = 0, 2, 5
"""Wire types, which decide the length of a field."""

LARGEST = {Kind.INT32: 2**31 - 1, Kind.INT64: 2**64 - 1}
LARGEST_LENGTH = 2**31 - 1


def read_message(content: memoryview, message: Message, most_fields: int) -> Read:
    """Read a message and those in it.

    Args:
        content: the bytes of the message.
        message: its kind.
        most_fields: how many fields it may have, with those of the messages in it.

    Raises:
        ValueError: it has an unknown field, or is not written in the one true form.
    """
    return _Reader(content, most_fields).message(message, len(content))


class _Reader:
    """Reads on from a place in the bytes."""

    def __init__(self, content: memoryview, most_fields: int) -> None:
        self._content = content
        self._place = 0
        self._most_fields = self._fields_left = most_fields

    def message(self, message: Message, end: int) -> Read:
        read: Read = {field.name: [] for field in message.fields.values()}
        last = 0
        while self._place < end:
            number, wire_type = divmod(self._number(end), 8)
            field = message.fields.get(number)
            if field is None or wire_type != _wire_type(field):
                raise ValueError(f"{message.name} has a field {number} of type {wire_type}")
            if number < last or (number == last and not field.repeated):
                raise ValueError(f"{message.name} has a field {number} after field {last}")
            last = number
            read[field.name].append(self._value(field.kind, end))
        return read

    def _value(self, kind: Kind | Message, end: int) -> Any:
        self._fields_left -= 1
        if self._fields_left < 0:
            raise ValueError(f"it has more than {self._most_fields:,} fields")
        if isinstance(kind, Kind) and kind in LARGEST:
            return self._number(end, LARGEST[kind])
        length = 4 if kind is Kind.FLOAT else self._number(end, LARGEST_LENGTH)
        start, stop = self._place, self._place + length
        if stop > end:
            raise ValueError("it ends in the middle of a field")
        if isinstance(kind, Message):
            return self.message(kind, stop)
        self._place = stop
        value = self._content[start:stop]
        return str(value, "utf-8") if kind is Kind.TEXT else value

    def _number(self, end: int, most: int = 2**32 - 1) -> int:
        """Read an integer with seven bits in each byte."""
        value, start = 0, self._place
        for place in range(start, min(start + 10, end)):
            byte = self._content[place]
            value |= (byte & 0x7F) << 7 * (place - start)
            if byte < 0x80:
                if value > most or (byte == 0 and place > start):
                    break
                self._place = place + 1
                return value
        raise ValueError(f"a number at byte {start} is cut short, too large or too long")


def _wire_type(field: Field) -> int:
    if field.kind is Kind.FLOAT:
        return FOUR_BYTES
    return NUMBER if field.kind in LARGEST else LENGTH
