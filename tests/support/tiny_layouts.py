"""Data sets of a few drawn pictures, in the layouts in which the real ones are published."""

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
from scipy.io import savemat

from captiongan.data.toy import captions, draw, toy_flower

COUNT = 12
"""Pictures of each data set."""

Files = Mapping[str, bytes]


@lru_cache(maxsize=64)
def picture(number: int, side: int = 72) -> bytes:
    buffer = io.BytesIO()
    draw(toy_flower(0, number), side).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def sentences(number: int) -> list[str]:
    return list(captions(toy_flower(0, number)))


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def write_folder(root: Path, files: Files) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_tar(path: Path, files: Files) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.suffix in (".tgz", ".gz") else "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def write_zip(path: Path, files: Files) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _matlab(**tables: list[int]) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, {name: np.array([row]) for name, row in tables.items()}, do_compression=True)
    return buffer.getvalue()


def _flower_class(number: int) -> int:
    return 1 + number % 3


def flower_files() -> dict[str, dict[str, bytes]]:
    """Return the files of Oxford-102, by the archive that they come in (`` for none)."""
    numbers = range(1, COUNT + 1)
    return {
        "102flowers.tgz": {f"jpg/image_{n:05d}.jpg": picture(n) for n in numbers},
        "cvpr2016_flowers.tar.gz": {
            "cvpr2016_flowers/trainvalclasses.txt": lines("class_00001", "class_00002"),
            "cvpr2016_flowers/testclasses.txt": lines("class_00003"),
        }
        | {
            f"cvpr2016_flowers/text_c10/class_{_flower_class(n):05d}/image_{n:05d}.txt": lines(
                *sentences(n)
            )
            for n in numbers
        },
        "": {
            "imagelabels.mat": _matlab(labels=[_flower_class(n) for n in numbers]),
            "setid.mat": _matlab(trnid=[1, 2, 3, 4], valid=[5, 6], tstid=[7, 8, 9, 10, 11, 12]),
        },
    }


def bird_files() -> dict[str, dict[str, bytes]]:
    """Return the files of CUB-200-2011, by the archive that they come in."""
    species = ["001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross"]
    names = {n: f"{species[n % 3]}/{species[n % 3][4:]}_{n:04d}_{n}" for n in range(COUNT)}
    root = "CUB_200_2011"
    return {
        "CUB_200_2011.tgz": {
            f"{root}/images.txt": lines(*(f"{n + 1} {name}.jpg" for n, name in names.items())),
            f"{root}/bounding_boxes.txt": lines(*(f"{n + 1} 20.0 24.0 32.0 16.0" for n in names)),
            f"{root}/train_test_split.txt": lines(*(f"{n + 1} {int(n < 8)}" for n in names)),
        }
        | {f"{root}/images/{name}.jpg": picture(n, 96) for n, name in names.items()},
        "cvpr2016_cub.tar.gz": {
            "cvpr2016_cub/trainvalclasses.txt": lines(*species[:2]),
            "cvpr2016_cub/testclasses.txt": lines(species[2]),
        }
        | {f"cvpr2016_cub/text_c10/{name}.txt": lines(*sentences(n)) for n, name in names.items()},
    }


def flowers(root: Path) -> Path:
    """Oxford-102 as it is downloaded."""
    files = flower_files()
    write_folder(root, files.pop(""))
    for archive, content in files.items():
        write_tar(root / archive, content)
    return root


def birds(root: Path) -> Path:
    """CUB-200-2011 as it is downloaded."""
    for archive, content in bird_files().items():
        write_tar(root / archive, content)
    return root


def coco(root: Path) -> Path:
    """MS COCO: the captions and the pictures of two splits, as zip archives."""
    annotations = {}
    for split, numbers in (("train2014", range(8)), ("val2014", range(8, COUNT))):
        names = {n: f"COCO_{split}_{n:012d}.jpg" for n in numbers}
        write_zip(root / f"{split}.zip", {f"{split}/{names[n]}": picture(n) for n in numbers})
        annotations[f"annotations/captions_{split}.json"] = json.dumps(
            {
                "images": [{"id": n, "file_name": name} for n, name in names.items()],
                "annotations": [
                    {"id": 10 * n + i, "image_id": n, "caption": text}
                    for n in numbers
                    for i, text in enumerate(sentences(n))
                ],
            }
        ).encode()
    write_zip(root / "annotations_trainval2014.zip", annotations)
    return root


def flickr(root: Path) -> Path:
    """Flickr8k, as it was published."""
    names = [f"{n}_{n:010x}.jpg" for n in range(COUNT)]
    rows = (
        f"{name}#{i}\t{text}" for n, name in enumerate(names) for i, text in enumerate(sentences(n))
    )
    write_zip(
        root / "Flickr8k_text.zip",
        {
            "Flickr8k.token.txt": lines(*rows),
            "Flickr_8k.trainImages.txt": lines(*names[:8]),
            "Flickr_8k.devImages.txt": lines(*names[8:10]),
            "Flickr_8k.testImages.txt": lines(*names[10:]),
        },
    )
    write_zip(
        root / "Flickr8k_Dataset.zip",
        {f"Flicker8k_Dataset/{name}": picture(n) for n, name in enumerate(names)},
    )
    return root


def table(root: Path) -> Path:
    """A spreadsheet with a row for each caption, and a folder of pictures."""
    write_folder(root, {f"photos/{n}.jpg": picture(n) for n in range(COUNT)})
    with (root / "captions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["File", "Caption", "Class"])
        for n in range(COUNT):
            rows.writerows([f"{n}.jpg", text, f"kind {n % 2}"] for text in sentences(n))
    return root


def webdataset(root: Path) -> Path:
    """WebDataset: two shards for training, one for testing."""
    for shard, start in (("train-000000", 0), ("train-000001", 4), ("test-000000", 8)):
        files: dict[str, bytes] = {}
        for n in range(start, start + 4):
            files |= {f"{n:06d}.jpg": picture(n), f"{n:06d}.txt": lines(*sentences(n))}
            files |= {f"{n:06d}.cls": str(n % 2).encode()}
        write_tar(root / f"{shard}.tar", files)
    return root


def hdf5(root: Path) -> Path:
    """The layout of aelnouby's Text-to-Image-Synthesis: a group for each caption."""
    root.mkdir()
    with h5py.File(root / "flowers.hdf5", "w") as file:
        for split in ("train", "valid", "test"):
            file.create_group(split)
        for n in range(COUNT):
            for i, text in enumerate(sentences(n)):
                group = file["train" if n < 8 else "test"].create_group(f"image_{n:05d}_{i}")
                group["name"] = f"image_{n:05d}"
                group["img"] = np.void(picture(n))
                group["embeddings"] = np.zeros(8, np.float32)
                group["class"] = f"class_{n % 2:05d}"
                group.create_dataset("txt", data=text, dtype=h5py.string_dtype())
    return root / "flowers.hdf5"


def hugging_face(root: Path) -> Path:
    """The parquet files of a data set of the hub, classes by number and name."""
    features = {"label": {"names": ["rose", "tulip"], "_type": "ClassLabel"}}
    noted = json.dumps({"info": {"features": features}})
    for split, numbers in (("train", range(8)), ("validation", range(8, COUNT))):
        columns = {
            "image": [{"bytes": picture(n), "path": f"{n}.jpg"} for n in numbers],
            "text": [sentences(n) for n in numbers],
            "label": [n % 2 for n in numbers],
        }
        path = root / "data" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        written = pa.table(columns).replace_schema_metadata({"huggingface": noted})
        pa.parquet.write_table(written, path, row_group_size=3)
    return root


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "birds": birds,
    "coco": coco,
    "csv": table,
    "flickr": flickr,
    "flowers": flowers,
    "hdf5": hdf5,
    "hf": hugging_face,
    "webdataset": webdataset,
}
"""What writes a tiny data set of each kind into a new folder, and returns the source to name."""
