import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from captiongan.bulk.job import Job
from captiongan.bulk.prompt_file import Row, open_prompts
from captiongan.bulk.run import generate_all
from captiongan.bulk.shard import Shard, draw_shard
from captiongan.bundle.bundle import Bundle
from captiongan.data.folder import LoadedExample, read_captioned_folder
from captiongan.draw.picture import Picture
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BulkError, OutputError, PromptError
from support.command_line import captiongan

PROMPTS = ["a red flower", "a yellow flower", "a red flower with pointed petals"]


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """Seventy rows, more than a batch; two of them cannot be drawn."""
    lines = [PROMPTS[number % 3] for number in range(70)]
    lines[4], lines[60] = "eine gelbe Blume", "a\tflower"
    file = tmp_path / "prompts.txt"
    file.write_text("\n".join(lines))
    return file


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def members(out: Path) -> dict[str, bytes]:
    """Return what is in all tar files of a folder."""
    found = {}
    for shard in sorted(out.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                content = tar.extractfile(member)
                assert content and member.name not in found
                found[member.name] = content.read()
    return found


def saved(picture: Picture, folder: Path) -> bytes:
    picture.save(folder / "one.png")
    return (folder / "one.png").read_bytes()


def test_every_picture_is_the_file_that_its_prompt_and_seed_alone_give(
    prompts: Path, tiny: Bundle, tmp_path: Path
) -> None:
    pipeline, out = Pipeline(tiny), tmp_path / "out"
    generate_all(prompts, out, tiny.folder, n=3, seed=11, truncation=0.7, shard_size=100)
    pictures, rows = members(out), prompts.read_text().splitlines()
    assert len(pictures) == 2 * 3 * 68
    for number in (0, 1, 11, 15, 100, 209):
        facts = json.loads(pictures[f"{number:010d}.json"])
        assert (facts["prompt"], facts["line"]) == (rows[number // 3], number // 3 + 1)
        assert (facts["seed"], facts["truncation"]) == (11 + number, 0.7)
        (picture,) = pipeline.generate(facts["prompt"], seed=facts["seed"], truncation=0.7)
        assert pictures[f"{number:010d}.png"] == saved(picture, tmp_path)
        assert facts.items() >= {**picture.metadata, "seed": 11 + number, "truncation": 0.7}.items()


def test_the_command_line_draws_a_picture_of_a_job_again(
    prompts: Path, tiny: Bundle, tmp_path: Path
) -> None:
    out, again = tmp_path / "out", tmp_path / "again.png"
    options = ("--seed", 11, "--bundle", tiny.folder)
    assert captiongan("bulk", prompts, "--out", out, *options) == 3
    assert captiongan("generate", PROMPTS[1], "--seed", 11 + 1, "-o", again, *options[2:]) == 0
    assert members(out)["0000000001.png"] == again.read_bytes()


def test_pictures_do_not_depend_on_the_shards(prompts: Path, tiny: Bundle, tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    generate_all(prompts, few, tiny.folder, n=2)
    generate_all(prompts, many, tiny.folder, n=2, shard_size=9)
    assert members(few) == members(many)
    assert [len(list(each.glob("*.tar"))) for each in (few, many)] == [1, 18]
    with tarfile.open(many / "000000.tar") as tar:
        assert len(tar.getmembers()) == 2 * 8  # of nine pictures, eight belong to whole rows


def test_a_row_may_have_a_seed_of_its_own(tiny: Bundle, tmp_path: Path) -> None:
    rows = [{"prompt": PROMPTS[0], "seed": 5}, {"prompt": PROMPTS[0]}]
    rows += [{"prompt": PROMPTS[0], "seed": seed} for seed in (-1, 2**32 - 1)]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    account = generate_all(file, tmp_path / "out", tiny.folder, n=2, seed=100)
    facts = [json.loads(text) for name, text in members(tmp_path / "out").items() if "js" in name]
    assert [each["seed"] for each in facts] == [5, 6, 102, 103]
    assert account.rejects == 2


def test_bad_rows_are_listed_with_line_and_reason(
    prompts: Path, tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with prompts.open("ab") as file:
        file.write(b"\n\xff\na mauve flower\n")
    where = (prompts, "--out", out, "--bundle", tiny.folder, "--shard-size", 20)
    assert captiongan("bulk", *where) == 3
    rejects = [json.loads(line) for line in (out / "rejects.jsonl").read_text().splitlines()]
    assert [reject["line"] for reject in rejects] == [5, 61, 71]
    for reject, reason in zip(rejects, ["unknown", "control character", "UTF-8"], strict=True):
        assert reason in reject["reason"]
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert told.err.splitlines()[-1] == (
        "69 pictures, 3 rows rejected (see rejects.jsonl), "
        "1 rows drawn with words that the bundle hardly knows or follows"
    )


def test_a_job_without_bad_rows_ends_with_code_0(tiny: Bundle, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("a red flower\n")
    where = (tmp_path / "p.txt", "--out", tmp_path / "out", "--bundle", tiny.folder)
    assert captiongan("bulk", *where) == 0
    assert (tmp_path / "out" / "rejects.jsonl").read_bytes() == b""


@pytest.mark.parametrize("layout", ["webdataset", "imagefolder"])
def test_a_job_of_nothing_but_bad_rows_comes_to_an_end(
    tiny: Bundle, tmp_path: Path, layout: str
) -> None:
    (tmp_path / "p.txt").write_text("nichts\nniente\n")
    account = generate_all(tmp_path / "p.txt", tmp_path / "out", tiny.folder, layout=layout)
    assert (account.pictures, account.rejects) == (0, 2)


def test_an_imagefolder_is_a_captioned_folder_and_so_is_each_shard(
    prompts: Path, tiny: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    generate_all(prompts, out, tiny.folder, layout="imagefolder", shard_size=30)
    for folder, pictures in ((out, 68), (out / "000000", 29), (out / "000002", 9)):
        items = list(read_captioned_folder(folder, minimum_side=8))
        examples = [item.example for item in items if isinstance(item, LoadedExample)]
        assert len(items) == len(examples) == pictures
        assert {caption for example in examples for caption in example.captions} == {*PROMPTS}


def test_what_was_drawn_can_be_drawn_from_again(
    prompts: Path, tiny: Bundle, tmp_path: Path
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    generate_all(prompts, out, tiny.folder, n=2, seed=9, layout="imagefolder")
    generate_all(out / "metadata.jsonl", again, tiny.folder, layout="imagefolder")
    pictures = [sorted((each / "000000").glob("*.png")) for each in (out, again)]
    assert [path.read_bytes() for path in pictures[0]] == [
        path.read_bytes() for path in pictures[1]
    ]
    with open_prompts(out / "metadata.jsonl") as opened:
        assert all(isinstance(row, Row) for row in opened.rows())


KILLED_AGAIN_AND_AGAIN = """
import os, signal, sys, traceback
from pathlib import Path
from captiongan.bulk.run import generate_all

prompts, out, bundle, layout, step = sys.argv[1:]

def run_until_event(wanted):
    events = 0
    def killing(function):
        def call(*arguments, **options):
            nonlocal events
            events += 1
            if events == wanted:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)
        return call
    for name in ("fsync", "rename", "replace", "rmdir"):
        setattr(os, name, killing(getattr(os, name)))
    generate_all(Path(prompts), Path(out), bundle, n=2, layout=layout, shard_size=60)

kills = 0
while True:
    child = os.fork()
    if child == 0:
        try:
            run_until_event(int(kills * float(step)) + 1)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        break
    assert os.WTERMSIG(status) == signal.SIGKILL
    kills += 1
assert status == 0, status
print(kills)
"""


@pytest.mark.parametrize(("layout", "step"), [("webdataset", 0.5), ("imagefolder", 7)])
def test_a_job_killed_at_any_moment_and_begun_again_is_as_if_unbroken(
    prompts: Path, tiny: Bundle, tmp_path: Path, layout: str, step: float
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    generate_all(prompts, whole, tiny.folder, n=2, layout=layout, shard_size=60)
    command = [sys.executable, "-c", KILLED_AGAIN_AND_AGAIN]
    arguments = [str(each) for each in (prompts, broken, tiny.folder, layout, step)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 8
    files, expected = tree(broken), tree(whole)
    assert sorted(files) == sorted(expected)
    assert not [name for name in files if files[name] != expected[name]]


def test_what_is_there_is_not_drawn_again(
    prompts: Path, tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = generate_all(prompts, out, tiny.folder, shard_size=20)
    before = tree(out)
    (out / "000002.tar").unlink()
    drawn = []

    def noted(pipeline: Pipeline, job: Job, shard: Shard, out: Path) -> Iterator[int]:
        drawn.append(shard.number)
        return draw_shard(pipeline, job, shard, out)

    monkeypatch.setattr("captiongan.bulk.run.draw_shard", noted)
    assert generate_all(prompts, out, tiny.folder, shard_size=20) == first
    assert (drawn, tree(out)) == ([2], before)


def test_another_job_in_the_same_folder_is_refused_with_the_difference(
    prompts: Path, tiny: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    generate_all(prompts, out, tiny.folder)
    before = tree(out)
    with pytest.raises(BulkError, match="another job: n is 1 there, 2 now; seed is 0 there, 5 now"):
        generate_all(prompts, out, tiny.folder, n=2, seed=5)
    with pytest.raises(BulkError, match=r"truncation is 1\.0 there, 0\.5 now; repeat"):
        generate_all(prompts, out, tiny.folder, truncation=0.5)
    with prompts.open("a") as file:
        file.write("\na red flower")
    with pytest.raises(BulkError, match=r"prompts_sha256 is .* rows is 70 there, 71 now"):
        generate_all(prompts, out, tiny.folder)
    assert tree(out) == before


def test_a_folder_of_something_else_is_refused(prompts: Path, tiny: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").touch()
    with pytest.raises(BulkError, match="holds something other than a job"):
        generate_all(prompts, out, tiny.folder)
    for content in ("[]", "[" * 100_000):
        (out / "job.json").write_text(content)
        with pytest.raises(BulkError, match="not a file that captiongan wrote"):
            generate_all(prompts, out, tiny.folder)


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"n": 0}, PromptError, "n 0 is not"),
        ({"truncation": 2}, PromptError, "truncation 2 is not"),
        ({"layout": "zip"}, BulkError, "layout 'zip' must be one of webdataset, imagefolder"),
        ({"n": 5, "shard_size": 4}, BulkError, "shard size 4 is below n, 5"),
        ({"seed": 2**32 - 69}, BulkError, "leaves no room for 70 pictures.*at most 4294967226"),
    ],
)
def test_a_job_that_breaks_a_rule_leaves_nothing(
    prompts: Path,
    tiny: Bundle,
    tmp_path: Path,
    options: dict[str, object],
    error: type[Exception],
    reason: str,
) -> None:
    with pytest.raises(error, match=reason):
        generate_all(prompts, tmp_path / "out", tiny.folder, **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_last_seed_can_be_drawn(prompts: Path, tiny: Bundle, tmp_path: Path) -> None:
    generate_all(prompts, tmp_path / "out", tiny.folder, seed=2**32 - 70)
    assert json.loads(members(tmp_path / "out")["0000000069.json"])["seed"] == 2**32 - 1


def test_a_file_without_rows_is_refused(tiny: Bundle, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("\n\n")
    with pytest.raises(BulkError, match="has no rows"):
        generate_all(tmp_path / "p.txt", tmp_path / "out", tiny.folder)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("ending", ["txt", "parquet"])
def test_pictures_of_other_prompts_never_pass_for_those_of_a_job(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, killed: bool
) -> None:
    """Whatever is in the file meanwhile: it is overwritten while a job draws, then restored."""
    prompts = tmp_path / f"p.{ending}"
    own, other = (_file_of(prompts, [text] * 90) for text in PROMPTS[:2])
    prompts.write_bytes(own)
    generate_all(prompts, tmp_path / "right", tiny.folder, shard_size=30)

    def meddled(*arguments: Any) -> Any:
        if killed and prompts.read_bytes() == other:
            raise KeyboardInterrupt
        prompts.write_bytes(other)
        return draw(*arguments)

    draw, out = Pipeline.draw, tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Pipeline, "draw", meddled)
        with pytest.raises(KeyboardInterrupt) if killed else nullcontext():
            generate_all(prompts, out, tiny.folder, shard_size=30)
    prompts.write_bytes(own)
    generate_all(prompts, out, tiny.folder, shard_size=30)
    assert tree(out) == tree(tmp_path / "right")


def _file_of(path: Path, prompts: list[str]) -> bytes:
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow.parquet import write_table

        write_table(pyarrow.table({"prompt": prompts}), path)
    else:
        path.write_text("\n".join(prompts))
    return path.read_bytes()


@pytest.mark.parametrize("layout", ["webdataset", "imagefolder"])
@pytest.mark.parametrize("content", [None, b"[" * 100_000, b"{}", b'{"rejects": [1]}'])
def test_shards_without_their_entry_in_the_journal_are_drawn_again(
    prompts: Path, tiny: Bundle, tmp_path: Path, layout: str, content: bytes | None
) -> None:
    out = tmp_path / "out"
    first = generate_all(prompts, out, tiny.folder, layout=layout, shard_size=40)
    before = tree(out)
    for entry in (out / "journal").iterdir():
        entry.write_bytes(content) if content else entry.unlink()
    assert generate_all(prompts, out, tiny.folder, layout=layout, shard_size=40) == first
    assert tree(out) == before


def test_a_full_disk_is_told_and_the_job_goes_on_later(
    prompts: Path, tiny: Bundle, tmp_path: Path
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match=r"No space left .*job\.json.*same command resumes"):
            generate_all(prompts, out, tiny.folder)
    assert generate_all(prompts, out, tiny.folder).pictures == 68


def test_ctrl_c_is_one_line_and_code_130(
    prompts: Path,
    tiny: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipeline, "draw", interrupted)
    where = (prompts, "--out", tmp_path / "out", "--bundle", tiny.folder)
    assert captiongan("bulk", *where) == 130
    assert capsys.readouterr().err == "stopped; repeat the command to continue\n"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"job.json"}


@pytest.mark.parametrize("joined", [False, True])
def test_the_former_verb_draws_the_same_and_names_the_new_one(
    tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], joined: bool
) -> None:
    file = tmp_path / "p.txt"
    file.write_text("a red flower\na blue flower\n")
    options = ("-n", 2, "--seed", 5, "--bundle", tiny.folder, "--format", "imagefolder")
    assert captiongan("bulk", file, "--out", tmp_path / "new", *options) == 0
    told = capsys.readouterr()
    former = [f"--prompts={file}"] if joined else ["--prompts", file]
    assert captiongan("generate", *options, *former, "--out", tmp_path / "old") == 0
    warning, *_, account = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: ") and "use `captiongan bulk FILE`" in warning
    assert account == told.err.splitlines()[-1]
    for path in (tmp_path / "new").rglob("*.*"):
        other = tmp_path / "old" / path.relative_to(tmp_path / "new")
        assert path.read_bytes() == other.read_bytes()


def test_progress_is_a_line_now_and_then(
    prompts: Path, tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 6.0, 7.0, 18.0, 18.0])  # the start, three shards, the one line
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    told = io.StringIO()
    generate_all(
        prompts,
        tmp_path / "out",
        tiny.folder,
        1,
        0,
        1.0,
        "webdataset",
        64,
        None,
        Console(file=told),
    )
    assert told.getvalue() == "70/70 pictures  4 pictures/s, 0:00:00 left\n"


def test_at_a_terminal_progress_is_a_live_line(prompts: Path, tiny: Bundle, tmp_path: Path) -> None:
    told = io.StringIO()
    console = Console(file=told, force_terminal=True, width=200)
    generate_all(prompts, tmp_path / "out", tiny.folder, shard_size=30, console=console)
    assert "70/70 pictures" in told.getvalue() and "left" in told.getvalue()


def test_many_prompts_are_drawn_without_what_only_training_or_clusters_need(
    prompts: Path, tiny: Bundle, tmp_path: Path
) -> None:
    absent = ["torch", "onnx", "yaml", "safetensors", "ray", "pyarrow"]
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); "
    code += "from captiongan.cli import main; main()"
    where = [prompts, "--out", tmp_path / "out", "--bundle", tiny.folder]
    command = [sys.executable, "-c", code, "bulk", *map(str, where)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, f"{tmp_path / 'out'}\n")
    told = subprocess.run([*command, "--ray", "local"], capture_output=True, text=True, timeout=60)
    assert told.returncode == 2 and "pip install 'captiongan[ray]'" in told.stderr
