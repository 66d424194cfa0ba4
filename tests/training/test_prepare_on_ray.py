import shutil
from pathlib import Path

import numpy as np
import pytest

from captiongan.base.cache import CACHE_VARIABLE, cache_folder
from captiongan.data.toy import write_toy_folder
from captiongan.text.cached import CachedTextEncoder
from captiongan.text.registry import choose_encoder
from captiongan.training.data_source import to_learn_from
from support.ray_script import on_ray
from support.tiny_bundle import write_parts
from support.tiny_run import CONFIG

pytest.importorskip("ray", reason="needs the extra `ray`")

TWO_WORKERS = """
import sys, warnings
import ray
from captiongan.base.ray_cluster import Cluster
from captiongan.runs.config import load_config
from captiongan.errors import CaptionganError, DataError
from captiongan.text.by_name import EncoderByName
from captiongan.bundle.text_encoder import EncoderIdentity
from captiongan.training.prepare import prepare

_, data, words = sys.argv
options = ["data.resolution=16", "data.margin=3", f"text.encoder={words}", "scores.every_kimg=0"]
config = load_config(None, options, data)

def tell_error(work):
    try:
        list(work)
    except CaptionganError as error:
        print(type(error).__name__, error)

def pass_over(progress):  # on a slow machine there is some
    pass

tell_error(prepare(config, pass_over, "127.0.0.1:9"))
ray.init(num_cpus=2, include_dashboard=False)
for _ in range(2):
    for line in prepare(config, pass_over, "local"):
        print(line)

cluster = Cluster.connect("local", "testing", DataError)
taken = []

def numbers():
    for number in range(40):
        taken.append(number)
        yield number

def double(number):
    if number == 25:
        warnings.warn("heard at home")
    if number == 30:
        raise DataError("number 30 is bad")
    return 2 * number

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    doubles = []
    def look():
        for double_of in cluster.in_order(double, numbers()):
            doubles.append(double_of)
            assert len(taken) - len(doubles) < 4
            yield double_of
    tell_error(look())
print(doubles == [2 * number for number in range(30)], len(taken) < 36)
print([str(each.message) for each in told])

other = EncoderByName(words, EncoderIdentity("words", "00" * 32), 4)
tell_error(cluster.in_order(other.encode, [["a"]]))
tell_error(cluster.in_order(EncoderByName("/nowhere", other.identity, 4).encode, [["a"]]))
"""


# One test, since starting Ray takes most of its time.
def test_two_workers_on_ray_prepare_exactly_what_one_process_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, words = tmp_path / "flowers", tmp_path / "words"
    write_toy_folder(data, 70, 20)
    (data / "toy_000033.png").write_bytes(b"no picture")
    with (data / "metadata.jsonl").open("a") as metadata:
        for name in ("toy_000033.png", "TOY_000001.png", "none.png", "toy_000002.png"):
            metadata.write(f'{{"file_name": "{name}", "text": "a flower"}}\n')
        metadata.write("{\n")
    write_parts(words)
    told = on_ray(TWO_WORKERS, data, words, **{CACHE_VARIABLE: str(tmp_path / "there")})

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    here = {"source": str(data)}
    learned = to_learn_from(CONFIG.model_copy(update={"data": CONFIG.data.model_copy(update=here)}))
    store = learned.open()
    encoder = choose_encoder(str(words))
    (alone,) = cache_folder("pictures").iterdir()
    assert len(store.rejects) == 5 + 1
    for file in alone.iterdir():
        together = tmp_path / "there" / "pictures" / alone.name / file.name
        assert together.read_bytes() == file.read_bytes()
    cached = CachedTextEncoder(encoder)
    cached.file.parent.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "there" / "embeddings" / cached.file.name, cached.file)
    monkeypatch.setattr(encoder, "encode", None)  # all is there
    embeddings = cached.encode(store.captions)
    np.testing.assert_allclose(
        embeddings, choose_encoder(str(words)).encode(store.captions), atol=1e-6
    )

    not_there, pictures, captions, ready, _, _, already, bad, stopped, heard, other, none = told
    assert not_there.startswith("DataError no Ray cluster at '127.0.0.1:9' (")
    assert pictures.startswith("to learn from: 69 pictures of 19 x 19, 6 lines rejected: 69 decode")
    assert " captions by encoder words (" in captions and " encoded in " in captions
    assert (ready, already) == ("ready to train", "all was there already")
    assert (bad, stopped, heard) == (
        "DataError number 30 is bad",
        "True True",
        "['heard at home']",
    )
    assert other.startswith("ConfigError machine '") and "not words (000000000000); ins" in other
    assert "cannot open text encoder '/nowhere'" in none
