"""Reads the files of a run folder, which may come from anyone."""

from pathlib import Path

from captiongan.base.lines import BadTextError, parsed_object
from captiongan.base.safe_reading import read_regular
from captiongan.runs.load_config import LARGEST_CONFIG

LARGEST = {"config.yaml": LARGEST_CONFIG, "metrics.jsonl": 2**30, "grids": 2**26}
LARGEST_OTHER = 2**24
"""Upper bounds in bytes of a file, or of each in a folder: far above any use, far below any harm.

The live view reads some of them again and again.
"""


def read_run_file(run: Path, name: str) -> bytes:
    """Return the content of a regular file in a run folder; raises OSError for any other."""
    most = LARGEST.get(name.partition("/")[0], LARGEST_OTHER)
    return read_regular(run / name, run, most)


def metrics_of(line: bytes) -> dict[str, float]:
    """Return the numbers of a line of metrics; raises BadTextError without a step."""
    facts = parsed_object(line)
    numbers = {name: each for name, each in facts.items() if isinstance(each, int | float)}
    if type(numbers.get("step")) not in (int, float):
        raise BadTextError("bad JSON", "no step")
    return numbers
