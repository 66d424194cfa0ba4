from pathlib import Path

import pytest

from captiongan.bulk.run import generate_all
from support.ray_script import on_ray
from support.tiny_bundle import write_tiny_bundle

pytest.importorskip("ray", reason="needs the extra `ray`")

TWO_WORKERS = """
import sys, warnings
from pathlib import Path
import ray
from captiongan.bulk.job import Job
from captiongan.bulk.on_ray import draw_on_ray
from captiongan.bulk.prompt_file import open_prompts
from captiongan.bulk.run import generate_all
from captiongan.bulk.shard import cut
from captiongan.bundle.bundle import read_bundle
from captiongan.bulk.ray_cluster import Cluster
from captiongan.errors import BulkError

prompts, out, bundle, other = map(Path, sys.argv[1:])
try:
    generate_all(prompts, out, bundle, n=2, shard_size=20, ray="127.0.0.1:9")
except BulkError as error:
    print(error)

ray.init(num_cpus=2, include_dashboard=False)
generate_all(prompts, out, bundle, n=2, shard_size=20, ray="local")

try:
    with open_prompts(prompts) as read:
        job = Job.of(read, read_bundle(bundle), 2, 0, 1.0, "webdataset", 20)
        first = next(cut(read.rows(), job))
        list(draw_on_ray("local", read_bundle(other), job, [first], out))
except BulkError as error:
    print(error)

cluster = Cluster.connect("local")
taken, doubles = [], []

def numbers():
    for number in range(40):
        taken.append(number)
        yield number

def double(number):
    if number == 25:
        warnings.warn("heard at home")
    if number == 30:
        raise BulkError("number 30 is bad")
    return 2 * number

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    try:
        for double_of in cluster.as_they_end(double, numbers()):
            doubles.append(double_of)
            assert len(taken) - len(doubles) < 4
    except BulkError as error:
        print(error)
print(len(doubles) >= 27, len(doubles) < 40)
print([str(each.message) for each in told])
"""


# One test, since starting Ray takes most of its time.
def test_two_workers_on_ray_write_exactly_the_files_of_one_process(tmp_path: Path) -> None:
    prompts, bundle = tmp_path / "prompts.txt", write_tiny_bundle(tmp_path / "tiny").folder
    other = write_tiny_bundle(tmp_path / "other", name="other").folder
    prompts.write_text("a red flower\na yellow flower\nnichts\n" * 20)
    alone, together = tmp_path / "alone", tmp_path / "together"
    generate_all(prompts, alone, bundle, n=2, shard_size=20)

    told = on_ray(TWO_WORKERS, prompts, together, bundle, other)

    names = sorted(path.relative_to(alone) for path in alone.rglob("*.*"))
    assert len(names) == 6 + 6 + 2  # shards, their entries in the journal, job and rejects
    assert names == sorted(path.relative_to(together) for path in together.rglob("*.*"))
    for name in names:
        assert (alone / name).read_bytes() == (together / name).read_bytes()
    not_there, misfit, bad, stopped, heard = told
    assert not_there.startswith("no Ray cluster at '127.0.0.1:9' (")
    assert "bundle is other there, tiny now" in misfit
    assert (bad, stopped, heard) == ("number 30 is bad", "True True", "['heard at home']")
