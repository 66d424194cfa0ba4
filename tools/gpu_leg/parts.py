"""The newest state of a run as numbered parts that are easy to carry, and back.

In half precision, weights are float16, Adam's moments are bfloat16, which rounds more but spans as
much as float32, and first moments that beta1 = 0 never reads are left out.
"""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from captiongan.base.files import sha256_of, whole_folder
from captiongan.data.store import open_store
from captiongan.errors import DataError, OutputError, RunError
from captiongan.runs.checkpoint import MANIFEST, latest_checkpoint, sealed
from captiongan.runs.load_config import KEPT_ENCODER
from captiongan.runs.run_folder import RunFolder
from tools.gpu_leg.data import add_file

FACTS = ("config.yaml", "data.json", "metrics.jsonl")
FIRST, SECOND = ".exp_avg", ".exp_avg_sq"

Tensors = dict[str, Tensor]


def split_run(run: RunFolder, out: Path, part_bytes: int, half: bool = True) -> list[Path]:
    """Write a run's newest checkpoint, facts and newest grid to the new folder `out`, in parts.

    `NAME.sha256` lists the parts in their order, so `sha256sum -c` can check them, too.

    Raises:
        RunError: there is no checkpoint, or a weight is too large for half precision.
        OutputError: `out` cannot be written.
    """
    name, content = run.path.resolve().name, _archive(run, half)
    try:
        with whole_folder(out) as work:
            listed = []
            for number, begin in enumerate(range(0, len(content), part_bytes)):
                part = work / f"{name}.tar.{number:03}"
                part.write_bytes(content[begin : begin + part_bytes])
                listed.append(f"{sha256_of(part)}  {part.name}\n")
            (work / f"{name}.sha256").write_text("".join(listed), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"--out '{out}' cannot be written ({error.strerror}); name a new folder"
        ) from error
    return sorted(out.iterdir())


def join_run(parts: Path, runs: Path, data: Path | None = None) -> RunFolder:
    """Make of parts the run folder that they were, in single precision, in the folder `runs`.

    `data` is the place of the run's data set on this machine.

    Raises:
        RunError: a part is missing or damaged, or these are no parts of a run.
        DataError: `data` is not what the run was trained on.
        OutputError: `runs` cannot be written, or holds the run already.
    """
    name, content = _read_parts(parts)
    if (runs / name).exists():
        raise OutputError(f"'{runs / name}' exists already; move it, or choose another --out")
    try:
        with whole_folder(runs / name) as work:
            _restore(content, work)
            if data:
                _point_to(RunFolder(work), data)
    except (tarfile.TarError, SafetensorError, ValueError, KeyError) as error:
        raise RunError(
            f"'{parts}' is not what `split` writes ({error}); split the run again"
        ) from error
    except OSError as error:
        raise OutputError(
            f"--out '{runs}' cannot be written ({error.strerror}); choose another folder"
        ) from error
    return RunFolder(runs / name)


def _archive(run: RunFolder, half: bool) -> bytes:
    checkpoint = latest_checkpoint(run.checkpoints).path
    beta1 = run.config().optimiser.beta1
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for path in _facts(run):
            add_file(tar, path.relative_to(run.path).as_posix(), path.read_bytes())
        for part in sorted(checkpoint.glob("*.safetensors")):
            tensors = load_file(part)
            carried = _halved(part.stem, tensors, beta1) if half else tensors
            add_file(tar, f"checkpoints/{checkpoint.name}/{part.name}", save(carried))
        manifest = (checkpoint / MANIFEST).read_bytes()
        add_file(tar, f"checkpoints/{checkpoint.name}/{MANIFEST}", manifest)
    return file.getvalue()


def _facts(run: RunFolder) -> Iterator[Path]:
    yield from (run.path / name for name in FACTS if (run.path / name).is_file())
    yield from sorted((run.path / "grids").glob("*.png"))[-1:]
    yield from sorted((run.path / KEPT_ENCODER).glob("*/*"))


def _halved(part: str, tensors: Tensors, beta1: float) -> Tensors:
    if part.endswith("optimiser"):
        return {
            name: tensor.bfloat16() if name.endswith((FIRST, SECOND)) else tensor
            for name, tensor in tensors.items()
            if beta1 or not name.endswith(FIRST)
        }
    return {
        name: _half(f"{part}: {name}", tensor) if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }


def _half(name: str, weights: Tensor) -> Tensor:
    half = weights.half()
    if not half.isfinite().all():
        raise RunError(
            f"--half: {name} holds {weights.abs().max():g}, and half precision ends at 65504; "
            "split with --whole"
        )
    return half


def _widened(tensors: Tensors) -> Tensors:
    """Return tensors as a checkpoint has them; those of a whole one are left as they are."""
    half = (torch.float16, torch.bfloat16)
    wide = {name: t.float() if t.dtype in half else t for name, t in tensors.items()}
    for name in [name for name in wide if name.endswith(SECOND)]:
        first = name.removesuffix(SECOND) + FIRST
        wide.setdefault(first, torch.zeros_like(wide[name]))
    return wide


def _read_parts(folder: Path) -> tuple[str, bytes]:
    """Return the run's name and the content of all parts, each held against its sha256."""
    lists = sorted(folder.glob("*.sha256"))
    if len(lists) != 1:
        raise RunError(
            f"'{folder}' holds {len(lists)} lists of parts, NAME.sha256; there must be 1"
        )
    lines = lists[0].read_text(encoding="utf-8", errors="replace").splitlines()
    sums = {folder / name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}
    faults = [
        f"{part.name} is {'damaged' if part.is_file() else 'missing'}"
        for part, sha256 in sums.items()
        if not part.is_file() or sha256_of(part) != sha256
    ]
    if faults:
        raise RunError(f"'{folder}': {', '.join(faults)}; bring what is named again")
    return lists[0].stem, b"".join(part.read_bytes() for part in sums)


def _restore(content: bytes, work: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(work, filter="data")
    (work / "grids").mkdir(exist_ok=True)
    for manifest in (work / "checkpoints").glob(f"*/{MANIFEST}"):
        files = sorted(manifest.parent.glob("*.safetensors"))
        for file in files:
            save_file(_widened(load_file(file)), file)
        facts = json.loads(manifest.read_bytes())
        facts["files"] = {file.name: sha256_of(file) for file in files}
        manifest.write_bytes(sealed(facts))
    latest_checkpoint(work / "checkpoints")


def _point_to(run: RunFolder, data: Path) -> None:
    """Make `data` the run's data set, if it is the one that the run was trained on."""
    config = run.config(source=str(data.resolve()))
    plan = config.data
    side = plan.resolution + plan.margin
    store = open_store(plan.source, side, plan.resolution, plan.squash)
    if config.text.captions == "first":
        store = store.with_first_captions()
    facts = run.data_facts()
    if store.digest != facts["digest"]:
        raise DataError(
            f"--data '{data}' is not what the run was trained on: the names, captions or classes "
            "of its usable pictures differ; name the folder that was packed"
        )
    run.write_data_facts(facts | {"pixels_sha256": store.pixels_sha256})  # `pack` shrinks them
    run.write_config(config)
