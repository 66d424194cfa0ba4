import base64
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from captiongan.bundle.bundle import Bundle, shipped_bundles
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError, CaptionganError, OutputError
from captiongan.loading import load
from captiongan.page.page import page_file, size_of, write_page
from captiongan.page.parts import VENDOR
from support.command_line import captiongan
from support.tiny_bundle import ranker, write_tiny_bundle

MOST_BYTES = 26_000_000
"""What a page with one bundle may have."""

PINS = json.loads((VENDOR / "pins.json").read_text(encoding="utf-8"))


class Elements(HTMLParser):
    """What a browser would find: scripts with their types, attributes that run, addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.handlers: list[str] = []
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "script":
            self.scripts.append(values.get("type"))
        self.handlers += [name for name in values if name.startswith("on")]
        self.addresses += [values[name] or "" for name in ("src", "href") if name in values]


def site_of(html: str) -> dict[str, object]:
    """Return what the page's script is told."""
    (found,) = re.findall(r'<script type="application/json" id="site">(.*?)</script>', html)
    facts = json.loads(found)
    assert isinstance(facts, dict)
    return facts


def digests(policy: str, kind: str) -> str:
    (found,) = re.findall(rf"{kind} '(sha256-[^']+)'", policy)
    return str(found)


@pytest.fixture(scope="module")
def html(pipeline: Pipeline) -> str:
    return page_file([pipeline]).decode()


def test_the_page_asks_nobody_for_anything(html: str) -> None:
    elements = Elements(html)
    assert all(each.startswith(("data:", "#")) for each in elements.addresses)
    assert elements.handlers == []
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy


def test_the_policy_lets_in_the_pages_own_script_and_style_alone(html: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    for kind, tag in {"script-src": '<script type="module">', "style-src": "<style>"}.items():
        (text,) = re.findall(rf"{tag}(.*?)</", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert digests(policy, kind) == f"sha256-{digest}"


def test_the_parts_are_the_bundles_own_files_to_the_last_bit(html: str, pipeline: Pipeline) -> None:
    files = site_of(html)["files"]
    assert isinstance(files, dict)
    for key, name in {"generator": "generator.onnx", "tokenizer": "tokenizer.json"}.items():
        part = files["tiny"][key]
        (text,) = re.findall(rf'<script type="text/plain" id="part-{part}">([^<]*)</script>', html)
        content = (pipeline.bundle.folder / name).read_bytes()
        assert gzip.decompress(base64.b64decode(text)) == content


def test_the_same_bundle_gives_the_same_page(pipeline: Pipeline, html: str) -> None:
    assert page_file([pipeline]).decode() == html


@pytest.mark.parametrize("name", shipped_bundles())
def test_a_page_with_a_shipped_bundle_stays_small(name: str) -> None:
    assert len(page_file([load(name)])) <= MOST_BYTES


def test_bundles_of_a_folder_share_what_is_the_same(tmp_path: Path) -> None:
    bundles = [write_tiny_bundle(tmp_path / name, name=name) for name in ("one", "two")]
    write_page([Pipeline(each) for each in bundles], tmp_path / "site")
    site = json.loads((tmp_path / "site" / "site.json").read_text(encoding="utf-8"))
    assert site["files"]["one"] == site["files"]["two"]
    parts = {path.name: path.stat().st_size for path in (tmp_path / "site" / "parts").iterdir()}
    assert parts == site["parts"]


def test_the_command_writes_a_file_or_a_folder(tiny: Bundle, tmp_path: Path) -> None:
    file, folder = tmp_path / "tiny.html", tmp_path / "site"
    assert captiongan("page", tiny.folder, "-o", file) == 0
    assert captiongan("page", tiny.folder, "-o", folder) == 0
    assert (folder / "index.html").is_file()
    assert size_of(folder) < size_of(file)


def test_an_older_page_is_replaced_but_no_folder_with_something_in_it(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    file, folder = tmp_path / "tiny.html", tmp_path / "site"
    file.write_text("before", encoding="utf-8")
    write_page([pipeline], file)
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    folder.mkdir()
    (folder / "mine").touch()
    with pytest.raises(OutputError, match="not an empty folder"):
        write_page([pipeline], folder)
    assert [path.name for path in folder.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["nowhere/page.html", "folder.html"])
def test_a_place_that_cannot_be_written_is_named(
    pipeline: Pipeline, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OutputError, match=re.escape(name)):
        write_page([pipeline], tmp_path / name)


def test_two_bundles_of_one_name_are_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(CaptionganError, match="'tiny' is given twice"):
        write_page([pipeline, pipeline], tmp_path / "site")


@pytest.mark.parametrize("file", ["generator.onnx", "tokenizer.json", "bundle.json"])
def test_what_the_pipeline_refuses_no_page_is_made_of(
    tiny: Bundle, tmp_path: Path, file: str
) -> None:
    path = tiny.folder / file
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(BundleError):
        load(tiny.folder)
    assert captiongan("page", tiny.folder, "-o", tmp_path / "tiny.html") == 2
    assert not (tmp_path / "tiny.html").exists()


PIECES = [
    *"<>/!-&\"'`=\\",
    "x",
    "script",
    "</script>",
    "<!--",
    "onerror",
    "\u2028",
    "é",
    "__proto__",
]
HOSTILE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=HOSTILE, prompts=st.lists(HOSTILE, min_size=1, max_size=3))
def test_no_name_and_no_prompt_of_a_bundle_puts_anything_into_the_page(
    tmp_path_factory: pytest.TempPathFactory, html: str, name: str, prompts: Sequence[str]
) -> None:
    assume(name.isprintable())
    folder = tmp_path_factory.mktemp("hostile") / "tiny"
    bundle = write_tiny_bundle(folder, name=name, sample_prompts=prompts)
    page = page_file([load(bundle.folder)]).decode()
    found, usual = Elements(page), Elements(html)
    assert found.scripts == usual.scripts
    assert found.handlers == usual.handlers
    assert found.addresses == usual.addresses
    answer = site_of(page)["answer"]
    assert isinstance(answer, dict)
    assert answer["default"] == name
    assert answer["bundles"][0]["examples"] == list(prompts)


def test_the_vendored_files_are_those_that_are_pinned() -> None:
    files = [each for package in PINS["packages"] for each in package["files"].items()]
    for name, facts in [*files, *PINS["licences"].items()]:
        content = (VENDOR / name).read_bytes()
        if name.endswith(".gz"):
            content = gzip.decompress(content)
        assert hashlib.sha256(content).hexdigest() == facts["sha256"], name


def test_the_page_names_its_parts_and_their_licences(html: str) -> None:
    part = site_of(html)["licences"]
    (text,) = re.findall(rf'id="part-{part}">([^<]*)<', html)
    texts = gzip.decompress(base64.b64decode(text)).decode()
    for package in PINS["packages"]:
        assert f"{package['name']} {package['version']}, {package['licence']}" in texts
    assert "Copyright (c) Microsoft Corporation" in texts
    assert "Apache License" in texts


def test_a_page_takes_what_the_manifest_says_and_what_a_bundle_may_hold(tmp_path: Path) -> None:
    bad = ranker()
    bad.graph.node[0].domain = "com.microsoft"
    pipeline = Pipeline(write_tiny_bundle(tmp_path / "tiny", ranker=bad))
    with pytest.raises(BundleError, match="an operator of the domain"):
        page_file([pipeline])
    file = pipeline.bundle.folder / "tokenizer.json"
    (tmp_path / "private").write_text("my diary")
    file.unlink()
    file.symlink_to(tmp_path / "private")
    with pytest.raises(BundleError, match="is a link"):
        page_file([pipeline])


def test_a_page_has_the_ranker_of_its_bundle(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny", ranker=ranker())
    files = site_of(page_file([Pipeline(bundle)]).decode())["files"]
    assert isinstance(files, dict)
    assert "ranker" in files["tiny"]
