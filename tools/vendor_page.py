"""Fetch what a page is made of besides our own code: `python tools/vendor_page.py`.

It needs `npm` on the path, and `onnxruntime` installed, whose licence texts it takes: the npm
package of the same project has none. Every archive and file must have the sha256 of
`src/captiongan/page/vendor/pins.json`; with `--pin` they are written there instead, after another
version was named.
"""

import gzip
import hashlib
import importlib.util
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).parents[1] / "src" / "captiongan" / "page" / "vendor"
PINS = VENDOR / "pins.json"


def main(pin: bool) -> None:
    """Fetch, compare with the pins or write them, and lay the files down."""
    pins = json.loads(PINS.read_text(encoding="utf-8"))
    for package in pins["packages"]:
        _check(package, "sha256", archive := _archive(package), pin)
        with tempfile.NamedTemporaryFile() as file:
            file.write(archive)
            file.flush()
            with tarfile.open(file.name) as members:
                for name, facts in package["files"].items():
                    member = members.extractfile(f"package/{facts['from']}")
                    assert member is not None, name
                    _lay(name, facts, member.read(), pin)
    for name, facts in pins["licences"].items():
        _lay(name, facts, (_onnxruntime() / facts["from"]).read_bytes(), pin)
    if pin:
        PINS.write_text(json.dumps(pins, indent=2) + "\n", encoding="utf-8")


def _archive(package: dict[str, Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        what = f"{package['name']}@{package['version']}"
        command = ["npm", "pack", what, "--silent", "--pack-destination", folder]
        subprocess.run(command, check=True)
        (archive,) = Path(folder).iterdir()
        return archive.read_bytes()


def _onnxruntime() -> Path:
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None, "install onnxruntime"
    assert spec.origin is not None
    return Path(spec.origin).parent


def _lay(name: str, facts: dict[str, Any], content: bytes, pin: bool) -> None:
    _check(facts, "sha256", content, pin)
    if name.endswith(".gz"):
        content = gzip.compress(content, 9, mtime=0)
    (VENDOR / name).write_bytes(content)


def _check(facts: dict[str, Any], key: str, content: bytes, pin: bool) -> None:
    found = hashlib.sha256(content).hexdigest()
    if pin:
        facts[key] = found
    elif facts[key] != found:
        sys.exit(f"{facts} has sha256 {found}: not what was pinned")


if __name__ == "__main__":
    main("--pin" in sys.argv[1:])
