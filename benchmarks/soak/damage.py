"""Damage that could happen to any bytes."""

import random


def damaged(content: bytes, moments: random.Random) -> bytes:
    """Return content with a few bytes changed, often near its start; sometimes cut or grown."""
    changed = bytearray(content)
    for _ in range(moments.choice([1, 1, 2, 8])):
        reach = moments.choice([64, 1024, len(changed)])
        place = moments.randrange(min(reach, len(changed)))
        changed[place] = moments.choice([0, 0x7F, 0xFF, moments.randrange(256)])
    if moments.random() < 0.2:
        del changed[moments.randrange(len(changed)) :]
    if moments.random() < 0.1:
        changed += moments.randbytes(100)
    return bytes(changed)
