"""Hostile bundles, made at random from a shipped one, with a manifest that vouches for them."""

import hashlib
import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.soak.damage import damaged
from captiongan.base.safe_reading import read_regular
from captiongan.bundle.bundle import LARGEST_MANIFEST, find_bundle, read_bundle
from captiongan.bundle.manifest import CARD_FILE, MANIFEST, FileFacts
from captiongan.bundle.text_encoder import ENCODER_FILES, TOKENIZER_FILE
from captiongan.loading import load

PRIVATE = "/etc/passwd"

HOSTILE_PARTS: tuple[object, ...] = (
    *(None, True, -1, 0, 2**31, 2**63, 1e300, "", "\ud800", "[NONE]", "(.*)*(.*)*x"),
    *([], [[]], {}, {"type": "Unigram", "unk_id": 9, "vocab": []}, {"Regex": "(a*)*$"}),
)

Damage = Callable[[random.Random, Path], None]
"""Changes a file of a bundle's folder, or adds one."""


def hostile_bundle(moments: random.Random, folder: Path) -> str:
    """Make a shipped bundle a hostile one, put the manifest right where that can be, and draw."""
    source, bundle = find_bundle("birds"), folder / "bundle"
    bundle.mkdir()
    files = [*read_bundle(source).manifest.files, MANIFEST, CARD_FILE]
    for name in files:
        (bundle / name).write_bytes((source / name).read_bytes())
    if moments.random() < 0.5:
        target = bundle / moments.choice(files)
        target.write_bytes(damaged(target.read_bytes(), moments))
        _vouch_for(bundle)
        return _draw(bundle)
    moments.choice(ATTACKS)(moments, bundle)
    _vouch_for(bundle)
    _draw(bundle)
    raise AssertionError("what must be refused was drawn")


def _draw(bundle: Path) -> str:
    load(bundle).generate("a red bird", best_of=2)
    return "drawn"


def strange_place(moments: random.Random, bundle: Path) -> None:
    """Put a link, a pipe, a folder or a huge file in the place of one."""
    place = bundle / moments.choice([MANIFEST, CARD_FILE, TOKENIZER_FILE, "generator.onnx"])
    content = place.read_bytes()
    place.unlink()
    kind = moments.choice(["link", "device", "pipe", "folder", "huge"])
    if kind == "link":
        (bundle.parent / "private").write_bytes(content)
        place.symlink_to(bundle.parent / "private")
    elif kind == "device":
        place.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        with place.open("wb") as file:
            file.truncate(2**40)


def unlisted_file(moments: random.Random, bundle: Path) -> None:
    """Add a file that the manifest does not list."""
    (bundle / moments.choice(["weights.bin", "code.py", "a" * 200])).write_bytes(b"whose?")


def strange_tokenizer(moments: random.Random, bundle: Path) -> None:
    """Replace a part of the tokenizer that a reader looks at."""
    place = bundle / TOKENIZER_FILE
    facts = json.loads(place.read_bytes())
    paths: Sequence[Sequence[str]] = (
        *(("model",), ("model", "vocab"), ("model", "unk_token"), ("normalizer",)),
        *(("pre_tokenizer",), ("added_tokens",), ("truncation",), ("post_processor", "single")),
        *(("model", "vocab", "bird"), ("truncation", "max_length"), ("model", "type")),
    )
    *way, last = moments.choice(paths)
    part: Any = facts
    for key in way:
        part = part[key]
    hostile = [each for each in HOSTILE_PARTS if (last, each) != ("added_tokens", [])]
    part[last] = moments.choice(hostile)
    place.write_text(json.dumps(facts))


def strange_network(moments: random.Random, bundle: Path) -> None:
    """Give a network something that no bundle needs, and perhaps hide the graph that has it."""
    place = bundle / moments.choice(["generator.onnx", "text_encoder.onnx", "ranker.onnx"])
    model = onnx.ModelProto.FromString(place.read_bytes())
    moments.choice(GRAFTS)(model)
    content = model.SerializeToString()
    if moments.random() < 0.5:
        content = _hidden_graph(content)
    place.write_bytes(content)


def _external(model: onnx.ModelProto) -> None:
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=PRIVATE)


def _sparse(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "values")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "places")
    sparse = helper.make_sparse_tensor(values, places, [2**30])
    model.graph.node.add().CopyFrom(helper.make_node("Constant", [], ["s"], sparse_value=sparse))


def _loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.add().CopyFrom(helper.make_node("Loop", ["", ""], [], body=body))


def _domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.microsoft"


def _function(model: onnx.ModelProto) -> None:
    opset = [helper.make_opsetid("", 20)]
    model.functions.append(helper.make_function("my.own", "Same", ["a"], ["b"], [], opset))


def _sides(model: onnx.ModelProto) -> None:
    model.graph.initializer.add(name="s", data_type=TensorProto.FLOAT, dims=[2] * 2**18)


GRAFTS: tuple[Callable[[onnx.ModelProto], None], ...] = (
    _external,
    _sparse,
    _loop,
    _domain,
    _function,
    _sides,
)


def _hidden_graph(content: bytes) -> bytes:
    """Write the tag of the graph with more than 32 bits, as only some readers would read it."""
    model = onnx.ModelProto.FromString(content)
    graph: bytes = model.graph.SerializeToString()
    head, tail = content.split(graph)
    start = head.rindex(b"\x3a")
    return head[:start] + b"\xba\x80\x80\x80\x10" + head[start + 1 :] + graph + tail


ATTACKS: tuple[Damage, ...] = (strange_place, unlisted_file, strange_tokenizer, strange_network)


def _vouch_for(bundle: Path) -> None:
    """Write the true size and sha256 of each file into the manifest, as an attacker would."""
    try:
        manifest = json.loads(read_regular(bundle / MANIFEST, bundle, LARGEST_MANIFEST))
        for name in manifest["files"]:
            facts = FileFacts.of(bundle / name)
            manifest["files"][name] = {"bytes": facts.size, "sha256": facts.sha256}
        parts = b"".join((bundle / part).read_bytes() for part in ENCODER_FILES)
        manifest["text_encoder"]["sha256"] = hashlib.sha256(parts).hexdigest()
        (bundle / MANIFEST).write_text(json.dumps(manifest))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # the manifest itself is damaged or huge, or a file is none
