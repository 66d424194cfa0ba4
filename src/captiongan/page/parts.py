"""The parts of a page: what it needs besides its markup, each compressed and named by content."""

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from captiongan.bundle.bundle import Bundle
from captiongan.bundle.manifest import GENERATOR_FILE, RANKER_FILE
from captiongan.bundle.onnx_check import check_onnx
from captiongan.page.modules import linked

HERE = Path(__file__).parent
ENGINE = HERE / "engine"
VENDOR = HERE / "vendor"

FILES = {
    "generator": GENERATOR_FILE,
    "text_encoder": "text_encoder.onnx",
    "tokenizer": "tokenizer.json",
    "ranker": RANKER_FILE,
}
"""What a page takes of a bundle, by the names that the engine calls them."""


class Parts:
    """Parts by name; the name tells the content, so bundles share what is the same."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def add(self, content: bytes) -> str:
        """Take a content, and compress it unless it is there already; return its name."""
        name = hashlib.sha256(content).hexdigest()[:16]
        if name not in self.contents:
            self.contents[name] = gzip.compress(content, 9, mtime=0)
        return name

    def add_bundle(self, bundle: Bundle) -> dict[str, str]:
        """Take what a page needs of a bundle; return the names of its parts.

        Raises:
            BundleError: a file is no longer what the manifest says, or a network is not allowed.
        """
        names = {}
        for key, file in FILES.items():
            if file in bundle.manifest.files:
                content = bundle.read(file)
                if file.endswith(".onnx"):  # a ranker may not have been opened yet
                    check_onnx(content, bundle.folder / file)
                names[key] = self.add(content)
        return names

    def add_runtime(self) -> dict[str, str]:
        """Take what every page needs; return the names of its parts."""
        names, contents = _runtime()
        self.contents |= contents
        return dict(names)


@cache
def _runtime() -> tuple[dict[str, str], dict[str, bytes]]:
    """Return the names of the parts that every page needs, and their contents by name."""
    parts = Parts()
    names = {"worker": parts.add(_worker().encode()), "licences": parts.add(licences().encode())}
    wasm = "ort.wasm.gz"
    (facts,) = (package["files"][wasm] for package in _packages() if wasm in package["files"])
    names["runtime"] = str(facts["sha256"])[:16]
    parts.contents[names["runtime"]] = (VENDOR / wasm).read_bytes()
    return names, parts.contents


def _packages() -> list[dict[str, Any]]:
    pins: dict[str, list[dict[str, Any]]] = json.loads(_text("pins.json"))
    return pins["packages"]


def _worker() -> str:
    """Return the worker's script: a classic one, as file:// pages can start no other in Chromium.

    Only modules know `import.meta`; the vendored runtime asks it where it was loaded from.
    """
    return linked(ENGINE / "worker.js").replace("import.meta.url", "self.location.href")


def licences() -> str:
    """Return what a page is made of, under which licences, and their texts."""
    rows = ["This page is made of:", "", "captiongan, Apache-2.0"]
    rows += [f"{each['name']} {each['version']}, {each['licence']}" for each in _packages()]
    texts = {
        "Apache-2.0, of captiongan and @huggingface/tokenizers": _text("tokenizers-LICENSE.txt"),
        "MIT, of onnxruntime-web": _text("onnxruntime-LICENSE.txt"),
        "What onnxruntime contains": gzip.decompress(
            (VENDOR / "onnxruntime-notices.txt.gz").read_bytes()
        ).decode("utf-8", errors="replace"),
    }
    return "\n".join(rows) + "".join(f"\n\n\n# {title}\n\n{text}" for title, text in texts.items())


def _text(name: str) -> str:
    return (VENDOR / name).read_text(encoding="utf-8")
