"""`data show` and `data stats`: what is counted is true, and the verdict names what to fix."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from captiongan.data.readiness import Judgement
from captiongan.data.show import histogram, page
from captiongan.data.survey import SHOWN, facts, survey, verdict, words_of
from captiongan.data.toy import draw, toy_flower, write_toy_folder
from captiongan.runs.config import RunConfig
from captiongan.training.data_source import training_source
from support.command_line import captiongan
from support.tiny_layouts import LAYOUTS


def write(
    root: Path, *lines: dict[str, Any], sizes: dict[str, tuple[int, int]] | None = None
) -> Path:
    """Write a captioned folder; each picture is another flower, or a plane of a size."""
    root.mkdir()
    for number, line in enumerate(lines):
        size = (sizes or {}).get(line["file_name"])
        picture = Image.new("RGB", size) if size else draw(toy_flower(0, number), 80)
        picture.save(root / line["file_name"])
    (root / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def line(number: int, *texts: str, **more: Any) -> dict[str, Any]:
    return {"file_name": f"{number}.png", "text": list(texts) or [f"flower number {number}"]} | more


GOOD = Judgement(None, (), ())


def counted(root: Path, **options: int) -> dict[str, Any]:
    return facts(survey(root, **({"minimum_side": 1} | options)))


def ready(**changed: Any) -> dict[str, Any]:
    """Return facts of a set with nothing to fix, but for what is changed."""
    return {
        "pictures": 1000,
        "captions": 5000,
        "rejected": {},
        "short_side": {"median": 100},
        "wide_or_tall": 0,
        "near_duplicates": {"pictures": 0, "groups": 0},
        "captions_of_several_pictures": {"captions": 0},
        "long_captions": 0,
    } | changed


# What is counted


def test_pictures_captions_words_and_classes_are_counted(tmp_path: Path) -> None:
    root = write(
        tmp_path / "set",
        line(0, "A red, red rose!", "the rose", **{"class": "rose"}),
        line(1, "a well-known tulip", **{"class": "tulip"}),
        line(2, "Rose red.", **{"class": "rose"}),
    )
    content = counted(root)
    assert (content["pictures"], content["captions"], content["vocabulary"]) == (3, 4, 6)
    assert content["most_frequent_words"][:2] == [("red", 3), ("rose", 3)]
    assert ("well-known", 1) in content["least_frequent_words"]
    assert content["words_met_once"] == 3
    assert content["classes"] == {"rose": 2, "tulip": 1}
    assert content["captions_per_picture"] == {"least": 1, "median": 1, "mean": 1.333, "most": 2}
    assert content["words_per_caption"]["most"] == 4


def test_captions_that_differ_in_case_punctuation_and_articles_are_the_same(tmp_path: Path) -> None:
    root = write(tmp_path / "set", line(0, "A red rose.", "a rose"), line(1, "the Red rose"))
    repeated = counted(root)["captions_of_several_pictures"]
    assert (repeated["captions"], repeated["most_frequent"]) == (2, [("red rose", 2)])


def test_words_are_words_in_any_script() -> None:
    assert words_of("L'été: Straße, 花; don\u2019t — x_y 3") == [
        "l'été", "straße", "花", "don\u2019t", "x", "y", "3"
    ]  # fmt: skip


def test_sizes_are_those_of_the_upright_pictures(tmp_path: Path) -> None:
    root = write(tmp_path / "set", line(0), line(1), sizes={"0.png": (40, 90), "1.png": (80, 60)})
    content = counted(root)
    assert content["short_side"] == {"least": 40, "median": 50, "mean": 50, "most": 60}
    assert (content["long_side"]["most"], content["wide_or_tall"]) == (90, 1)


def test_near_duplicates_and_rejects_are_named(tmp_path: Path) -> None:
    root = write(tmp_path / "set", line(0), line(1), line(2))
    (root / "2.png").write_bytes((root / "0.png").read_bytes())
    (root / "1.png").write_bytes(b"")
    content = counted(root)
    assert content["near_duplicates"] == {
        "pictures": 2, "groups": 1, "largest": [["0.png", "2.png"]]
    }  # fmt: skip
    assert content["rejected"] == {"unreadable picture": 1}


def test_what_the_importer_turned_away_is_counted_too(tmp_path: Path) -> None:
    source = LAYOUTS["csv"](tmp_path / "source")
    (source / "photos" / "3.jpg").unlink()
    assert captiongan("data", "import", "csv", source, tmp_path / "out") == 0
    assert counted(tmp_path / "out")["rejected_at_import"] == {"missing file": 1}


# The verdict


def test_a_set_without_faults_is_ready() -> None:
    assert verdict(ready(), GOOD) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"rejected": {"bad JSON": 6, "duplicate": 5}}, "11 lines are rejected"),
        ({"wide_or_tall": 101}, "10 % of the pictures are at least 2 times"),
        ({"near_duplicates": {"pictures": 80, "groups": 20}}, "6 % of the pictures are near-dup"),
        ({"captions_of_several_pictures": {"captions": 2600}}, "52 % of the captions"),
        ({"long_captions": 51}, "51 captions have more than 50 words"),
    ],
)
def test_the_verdict_names_what_to_fix(changed: dict[str, Any], says: str) -> None:
    (remark,) = verdict(ready(**changed), GOOD)
    assert says in remark


def test_what_cannot_be_trained_on_is_said_first(tmp_path: Path) -> None:
    content = counted(write(tmp_path / "set", line(0)))
    assert "cannot be trained on: 1 usable pictures are too few" in content["verdict"][0]


def test_a_folder_with_nothing_usable_is_shown_all_the_same(tmp_path: Path) -> None:
    root = write(tmp_path / "set", line(0))
    (root / "0.png").unlink()
    assert "missing file" in page(survey(root))


# The page


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]


def test_the_page_is_self_contained_and_escapes_what_people_wrote(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script> & "co"'
    root = write(tmp_path / "set", line(0, evil, **{"class": "<b>"}), line(1))
    text = page(survey(root))
    tags = Tags()
    tags.feed(text)
    assert "script" not in tags.tags and "b" not in tags.tags
    assert all(address.startswith("data:") for address in tags.addresses)
    assert not re.search(r"https?://", text)
    assert "&lt;script&gt;" in text


def test_the_contact_sheet_is_a_fair_sample_that_a_seed_decides(tmp_path: Path) -> None:
    write_toy_folder(tmp_path / "toy", 60, 24)
    names = [
        [example.file_name for example, _ in survey(tmp_path / "toy", 1, seed).sheet]
        for seed in (0, 0, 1)
    ]
    assert names[0] == names[1] != names[2]
    assert len(set(names[0])) == SHOWN and names[0] == sorted(names[0])
    assert max(names[0]) > "toy_000040.png"


def test_show_writes_a_page_and_says_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_toy_folder(tmp_path / "toy", 100, 64)
    out = tmp_path / "page.html"
    assert captiongan("data", "show", tmp_path / "toy", "--out", out) == 0
    ready, times, start, path = capsys.readouterr().out.splitlines()
    assert (ready, path) == ("ready", str(out))
    assert "Ready." in out.read_text()
    assert "4,000 times" in times and times in out.read_text()
    assert f"captiongan train --from flowers --data {tmp_path / 'toy'}" in start


def test_show_and_check_reject_what_a_training_rejects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"0.png": (63, 90), "1.png": (64, 64)}
    root = write(tmp_path / "set", line(0), line(1), line(2), sizes=sizes)
    content = facts(survey(root))
    assert content["rejected"] == {"too small": 1}
    assert any("--enlarge" in remark for remark in content["verdict"])
    assert captiongan("data", "check", root) == 0
    checked = capsys.readouterr().out
    assert "2 usable pictures" in checked and "too few to learn from" in checked
    source = training_source(RunConfig.model_validate({"data": {"source": str(root)}}))
    assert len(source.open().rejects) == 1


def test_show_into_a_folder_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_toy_folder(tmp_path / "toy", 2, 24)
    assert captiongan("data", "show", tmp_path / "toy", "--out", tmp_path / "no" / "x.html") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_stats_are_json_for_programs_and_lines_for_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_toy_folder(tmp_path / "toy", 20, 72)
    assert captiongan("data", "stats", tmp_path / "toy", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["pictures"] == 20
    assert "20 pictures are too few" in content["verdict"][0]
    assert captiongan("data", "stats", tmp_path / "toy") == 0
    assert "pictures: 20\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "labels", "counts"),
    [
        ([5, 5, 7], ["5", "6", "7"], [2, 0, 1]),
        ([3, 3], ["3"], [2]),
        ([], [], []),
    ],
)
def test_few_whole_numbers_have_a_bar_each(
    values: list[int], labels: list[str], counts: list[int]
) -> None:
    bars = histogram(values)
    assert [bar["label"] for bar in bars] == labels
    assert [bar["count"] for bar in bars] == counts


@pytest.mark.parametrize("values", [[0.5, 2.5, 1.0], [1, 1000, 30], [2.0, 2.0 + 1e-9]])
def test_every_value_is_in_one_bar_and_the_longest_bar_is_full(values: list[float]) -> None:
    bars = histogram(values)
    assert sum(bar["count"] for bar in bars) == len(values)
    assert max(bar["percent"] for bar in bars) == 100
