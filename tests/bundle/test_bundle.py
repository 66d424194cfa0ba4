import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from captiongan.bundle import bundle as bundle_module
from captiongan.bundle.bundle import Bundle, contents, find_bundle, read_bundle, write_bundle
from captiongan.bundle.manifest import (
    CARD_FILE,
    CARD_FILES,
    CRITIC_FILE,
    MANIFEST,
    MODEL_FILES,
    OPTIONAL_FILES,
    BundleManifest,
)
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError, OutputError
from captiongan.loading import load
from support.no_plain_files import NO_PLAIN_FILES
from support.tiny_bundle import bundle_files, ranker, style_encoder, write_parts, write_tiny_bundle


def edit_manifest(folder: Path, **changes: Any) -> None:
    facts = json.loads((folder / MANIFEST).read_text()) | changes
    (folder / MANIFEST).write_text(json.dumps(facts))


def test_a_bundle_is_read_back_as_it_was_written(tiny: Bundle) -> None:
    assert read_bundle(tiny.folder) == tiny
    assert {path.name for path in tiny.folder.iterdir()} == {MANIFEST, *MODEL_FILES, *CARD_FILES}


def test_a_manifest_survives_json(tiny: Bundle) -> None:
    assert BundleManifest.from_json(tiny.manifest.to_json()) == tiny.manifest


@pytest.mark.parametrize("name", MODEL_FILES)
def test_one_flipped_byte_is_noticed(tiny: Bundle, name: str) -> None:
    content = bytearray((tiny.folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tiny.folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name} has sha256 .* changed or damaged"):
        read_bundle(tiny.folder)


def test_a_cut_file_is_noticed(tiny: Bundle) -> None:
    (tiny.folder / "generator.onnx").write_bytes(b"short")
    with pytest.raises(BundleError, match=r"generator.onnx has 5 bytes"):
        read_bundle(tiny.folder)


@pytest.mark.parametrize("name", MODEL_FILES)
def test_a_missing_file_is_named(tiny: Bundle, name: str) -> None:
    (tiny.folder / name).unlink()
    with pytest.raises(BundleError, match=f"has no {name}"):
        read_bundle(tiny.folder)


@pytest.fixture
def full(tmp_path: Path) -> Bundle:
    """A bundle with every optional file."""
    return write_tiny_bundle(
        tmp_path / "full", style_encoder=style_encoder(), critic=b"critic", ranker=ranker()
    )


def test_a_bundle_with_optional_files_is_read_back_and_tells_of_them(
    full: Bundle, tiny: Bundle
) -> None:
    assert read_bundle(full.folder) == full
    assert full.has_critic and full.can_restyle and full.has_ranker
    assert full.manifest.files.keys() == {*MODEL_FILES, *OPTIONAL_FILES}
    assert BundleManifest.from_json(full.manifest.to_json()) == full.manifest
    assert not tiny.has_critic and not tiny.can_restyle and not tiny.has_ranker
    assert tiny.manifest.files.keys() == {*MODEL_FILES}


def flip_a_bit(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1, *content[1:]]))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize("name", OPTIONAL_FILES)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip_a_bit, r"{name} has sha256 .* changed or damaged"),
        (cut, r"{name} has \d+ bytes, bundle.json says \d+"),
        (Path.unlink, r"has no {name}"),
    ],
)
def test_an_optional_file_that_the_manifest_lists_is_checked_as_the_others_are(
    full: Bundle, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(full.folder / name)
    with pytest.raises(BundleError, match=message.replace("{name}", name)) as caught:
        read_bundle(full.folder)
    assert "\n" not in str(caught.value)


def test_the_discriminator_of_another_bundle_is_noticed(full: Bundle, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", critic=b"others")
    shutil.copyfile(other.folder / CRITIC_FILE, full.folder / CRITIC_FILE)
    with pytest.raises(BundleError, match=f"{CRITIC_FILE} has sha256 .* changed or damaged"):
        read_bundle(full.folder)


@pytest.mark.parametrize("name", [CRITIC_FILE, "weights.bin", "readme.md", "more"])
def test_a_file_that_the_manifest_does_not_list_is_refused(tiny: Bundle, name: str) -> None:
    (tiny.folder / name).write_bytes(b"whose?")
    with pytest.raises(BundleError, match=f"holds '{name}', which bundle.json does not list"):
        read_bundle(tiny.folder)


def test_what_other_programs_hide_in_a_folder_is_passed_over(tiny: Bundle) -> None:
    (tiny.folder / ".DS_Store").write_bytes(b"")
    (tiny.folder / ".git").mkdir()
    assert read_bundle(tiny.folder) == tiny


@pytest.mark.parametrize("name", [MANIFEST, *MODEL_FILES, CARD_FILE])
@pytest.mark.parametrize("make", NO_PLAIN_FILES)
def test_a_file_that_is_none_or_too_large_is_refused_at_once(
    tiny: Bundle, name: str, make: Callable[[Path], None]
) -> None:
    make(tiny.folder / name)
    with pytest.raises(BundleError, match=r"link|regular|at most|is not a bundle") as caught:
        read_bundle(tiny.folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", NO_PLAIN_FILES)
def test_a_sample_that_is_no_file_is_not_copied(tiny: Bundle, make: Callable[[Path], None]) -> None:
    make(tiny.folder / "sample.png")
    with pytest.raises(BundleError, match=r"no readable sample.png \(it (is|has)"):
        contents(read_bundle(tiny.folder))


def test_a_bundle_without_its_card_opens(tiny: Bundle) -> None:
    for name in CARD_FILES:
        (tiny.folder / name).unlink()
    assert read_bundle(tiny.folder) == tiny


@pytest.mark.parametrize("name", ["generator.onnx", "text_encoder.onnx", "tokenizer.json"])
def test_a_file_swapped_after_the_bundle_was_opened_is_noticed(tiny: Bundle, name: str) -> None:
    with (tiny.folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(BundleError):
        Pipeline(tiny)


def test_a_bundle_from_the_future_is_refused_with_the_version_to_install(tiny: Bundle) -> None:
    edit_manifest(tiny.folder, schema=5, captiongan="0.9.0", files="whatever the future holds")
    with pytest.raises(BundleError, match=r"has schema 5, .* install captiongan 0.9.0 or newer"):
        read_bundle(tiny.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": None}, "'schema' is missing"),
        ({"schema": True}, "'schema' is True, must be a whole number above 0"),
        ({"name": ""}, "'name' is '', must be a text"),
        ({"version": 1}, "'version' is 1, must be a text"),
        ({"version": "1\n2"}, "'version' is"),
        ({"captiongan": []}, "'captiongan' is"),
        ({"resolution": -64}, "'resolution' is -64, must be a whole number from 1 to 4,096"),
        ({"resolution": 4097}, "'resolution' is 4097, must be a whole number from 1 to 4,096"),
        ({"noise_dim": 2**40}, "'noise_dim' is .*, must be a whole number from 1 to 65,536"),
        ({"schema": 0}, "'schema' is 0, must be a whole number above 0"),
        ({"noise_dim": "100"}, "'noise_dim' is '100'"),
        ({"embedding_dim": 1.5}, "'embedding_dim' is 1.5"),
        ({"text_encoder": "small"}, "'text_encoder > name' is missing"),
        ({"text_encoder": {"name": "a", "sha256": "AB"}}, "'text_encoder > sha256' is 'AB'"),
        ({"mirror_by_seed": "no"}, "'mirror_by_seed' is 'no', must be true or false"),
        ({"mirror_by_seed": None}, "'mirror_by_seed' is missing, must be true or false"),
        ({"sample_prompts": None}, "'sample_prompts' is missing, must be a list of texts"),
        ({"sample_prompts": "a bird"}, "'sample_prompts' is 'a bird', must be a list of texts"),
        ({"sample_prompts": ["a bird", 1]}, "'sample_prompts' is .*, must be a list of texts"),
        ({"sample_prompts": ["\ud800"]}, "'sample_prompts' is .*, must be a list of texts"),
        ({"training": {"extractors": "lite0"}}, "'training > extractors' is 'lite0', must be a l"),
        ({"training": 7}, "'training' is 7, must be a JSON object"),
        ({"files": {}}, "'files > generator.onnx > bytes' is missing"),
    ],
)
def test_a_broken_field_is_named_with_its_rule(
    tiny: Bundle, changes: dict[str, Any], message: str
) -> None:
    edit_manifest(tiny.folder, **changes)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(tiny.folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xfa", b"[" * 100_000])
def test_a_corrupt_manifest_is_named(tiny: Bundle, content: bytes) -> None:
    (tiny.folder / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=r"bundle.json is not JSON"):
        read_bundle(tiny.folder)


def test_a_manifest_of_absurd_size_is_not_read(tiny: Bundle) -> None:
    with (tiny.folder / MANIFEST).open("ab") as manifest:
        manifest.truncate(2**20 + 1)
    with pytest.raises(BundleError, match=r"has 1,048,577 bytes, at most 1,048,576 are read"):
        read_bundle(tiny.folder)


def test_a_manifest_that_is_no_object_is_named(tiny: Bundle) -> None:
    (tiny.folder / MANIFEST).write_text("[1]")
    with pytest.raises(BundleError, match=r"bundle.json is \[1\], must be a JSON object"):
        read_bundle(tiny.folder)


def test_any_other_folder_is_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is not a bundle: it has no bundle.json"):
        read_bundle(tmp_path)


def test_a_bundle_is_found_by_its_shipped_name_or_its_path(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_module, "_SHIPPED", tiny.folder.parent)
    assert find_bundle("tiny") == tiny.folder
    assert find_bundle(str(tiny.folder)) == tiny.folder
    assert find_bundle(tiny.folder) == tiny.folder


def test_a_shipped_name_goes_before_a_folder_of_that_name(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work" / "tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(bundle_module, "_SHIPPED", tiny.folder.parent)
    assert find_bundle("tiny") == tiny.folder
    assert find_bundle("./tiny") == Path("tiny")


@pytest.mark.parametrize("name", ["flours", "no/such/folder", "x" * 5_000, "a\0b"])
def test_an_unknown_bundle_lists_the_shipped_ones(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(bundle_module, "_SHIPPED", tiny.folder.parent)
    with pytest.raises(BundleError, match=r"shipped: tiny|cannot be read"):
        find_bundle(name)


def test_with_no_bundle_shipped_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_module, "_SHIPPED", tmp_path / "none")
    with pytest.raises(BundleError, match="shipped: none with this version"):
        load("flowers")


def test_a_bundle_never_replaces_anything(tiny: Bundle, tmp_path: Path) -> None:
    before = (tiny.folder / MANIFEST).read_bytes()
    files = bundle_files(tmp_path / "tiny-parts")
    with pytest.raises(OutputError, match="remove it or choose another"):
        write_bundle(tiny.folder, files, tiny.manifest)
    assert (tiny.folder / MANIFEST).read_bytes() == before


def test_a_bundle_may_fill_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert read_bundle(write_tiny_bundle(tmp_path / "empty").folder).manifest.name == "tiny"


def test_a_failed_write_leaves_nothing(tiny: Bundle, tmp_path: Path) -> None:
    write_parts(tmp_path / "parts")
    files = bundle_files(tmp_path / "parts")
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match=r"cannot be written .*gone"):
        write_bundle(
            tmp_path / "out" / "new", files | {"sample.png": Path("gone.png")}, tiny.manifest
        )
    with pytest.raises(OutputError, match="cannot be"):
        write_bundle(tmp_path / "parts" / "generator.onnx" / "new", files, tiny.manifest)
    assert not any((tmp_path / "out").iterdir())


def test_an_incomplete_or_overfull_bundle_is_not_written(tiny: Bundle, tmp_path: Path) -> None:
    files = bundle_files(tmp_path / "tiny-parts")
    with pytest.raises(BundleError, match="give each of these and no other"):
        write_bundle(tmp_path / "new", files | {"../evil": b""}, tiny.manifest)
    with pytest.raises(BundleError, match="give each of these and no other"):
        write_bundle(tmp_path / "new", {}, tiny.manifest)
    assert not (tmp_path / "new").exists()


def test_a_copied_bundle_works(tiny: Bundle, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny.folder, tmp_path / "copy")
    assert len(load(copy).generate("a red flower")) == 1


def rewritten(tiny: Bundle, out: Path, **contents: bytes) -> Path:
    """Write a bundle that is sound in itself but has other `contents` (file names with _ for .)."""
    files: dict[str, Path | bytes] = {
        name: tiny.folder / name for name in (*MODEL_FILES, *CARD_FILES)
    }
    changed = {name.replace("__", "."): content for name, content in contents.items()}
    return write_bundle(out, files | changed, tiny.manifest).folder


def test_a_foreign_generator_is_named_with_what_it_should_be(tiny: Bundle, tmp_path: Path) -> None:
    foreign = (tiny.folder / "text_encoder.onnx").read_bytes()
    folder = rewritten(tiny, tmp_path / "foreign", generator__onnx=foreign)
    with pytest.raises(
        BundleError, match=r"maps token_ids .*, must map embedding .*\(\?, 8, 8, 3\)"
    ):
        load(folder)


def test_a_generator_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"noise tensor\(float\) \(\?, 7\)"):
        load(write_tiny_bundle(tmp_path / "wide", noise_dim=7).folder)


def test_a_generator_that_is_no_model_is_refused(tiny: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a network that a bundle may hold"):
        load(rewritten(tiny, tmp_path / "foreign", generator__onnx=b"hello"))


@pytest.mark.parametrize("tokenizer", [b"hello", b"{}"])
def test_a_foreign_tokenizer_is_refused(tiny: Bundle, tmp_path: Path, tokenizer: bytes) -> None:
    with pytest.raises(BundleError, match="is not a tokenizer that a bundle may hold"):
        load(rewritten(tiny, tmp_path / "foreign", tokenizer__json=tokenizer))


def test_a_foreign_text_encoder_is_refused(tiny: Bundle, tmp_path: Path) -> None:
    foreign = (tiny.folder / "generator.onnx").read_bytes()
    with pytest.raises(BundleError, match="is not the network of a text encoder"):
        load(rewritten(tiny, tmp_path / "foreign", text_encoder__onnx=foreign))


def test_a_generator_trained_with_another_text_encoder_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path / "mixed", encoder_sha256="ab" * 32).folder
    with pytest.raises(BundleError, match=r"is table \(\w{12}\), .* with table \(abababababab\)"):
        load(folder)
