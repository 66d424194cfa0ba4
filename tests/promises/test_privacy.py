"""Drawing tells nobody."""

import os
import subprocess
import sys
from pathlib import Path

from captiongan.bundle.bundle import Bundle

DRAW = """
import sys, captiongan
captiongan.load(sys.argv[1]).generate("a red flower")
"""


def test_drawing_leaves_no_notes_for_the_maker_of_the_runtime(tiny: Bundle, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", DRAW, str(tiny.folder)],
        env=kept | {"HOME": str(home), "XDG_CACHE_HOME": ""},
        check=True,
    )
    assert list(home.rglob("*")) == []
