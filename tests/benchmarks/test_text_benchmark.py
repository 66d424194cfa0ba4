"""The comparison of text encoders: what it measures is what it says, and a bag of words guesses."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import text, text_speed
from benchmarks.bag_of_words import BagOfWords, same_words
from benchmarks.marked_page import BEGIN, END, check_marks, write_measured
from benchmarks.text_agreement import agreement, some_sentences, spearman
from benchmarks.text_mean import Mean
from benchmarks.text_order import (
    Order,
    order_by_attributes,
    order_by_pictures,
    real_pairs,
    swap_toy_colours,
    toy_flowers,
    toy_pairs,
)
from benchmarks.text_page import Report, as_json, measured
from benchmarks.text_retrieval import DataSet, Hits, compare, hits
from benchmarks.text_speed import Speed, export_minilm, speeds, timed_sentences
from benchmarks.text_words import WordScore, WordTest, read_words, word_score, word_test
from captiongan.bundle.text_encoder import Embeddings, EncoderIdentity, OnnxTextEncoder
from captiongan.data.folder import Example
from captiongan.data.toy import CENTRE_COLOURS, PETAL_COLOURS, captions, toy_flower
from captiongan.errors import ConfigError, DataError, OutputError
from captiongan.evaluation.distances import Floats
from captiongan.evaluation.probes import LinearMap, RetrievalProbe
from captiongan.text.minilm import MiniLM
from support.tiny_exam import tiny_probes, tiny_real

QUICK = settings(max_examples=50, deadline=None, derandomize=True)

WORDS = ["a", "white", "flower", "with", "a", "small", "yellow", "centre", ",", "other", "7"]
FLOWERS = toy_flowers(40, seed=3)
PAIRS = toy_pairs(FLOWERS)
EXAMPLES = [
    Example(f"{index}", captions(flower), flower.label)
    for index in range(200)
    for flower in [toy_flower(0, index)]
]
BAG = BagOfWords([caption for example in EXAMPLES for caption in example.captions])


def colours(petal: str, centre: str) -> Floats:
    """One-hot, with length 1."""
    names = [*PETAL_COLOURS, *CENTRE_COLOURS]
    row: Floats = np.zeros(len(names))
    row[names.index(petal)] = 1
    row[len(PETAL_COLOURS) + list(CENTRE_COLOURS).index(centre)] = 1
    row /= np.sqrt(2)
    return row


class Table:
    """An encoder that has its samples in a table."""

    def __init__(self, samples: Mapping[str, Floats]) -> None:
        self.identity = EncoderIdentity("table", "ab" * 32)
        self.dim = len(next(iter(samples.values())))
        self._answers = samples

    def encode(self, texts: Sequence[str]) -> Embeddings:
        return np.array([self._answers[each] for each in texts], dtype=np.float32)


def reader_of_toy_captions() -> Table:
    """An encoder that knows which colour belongs to what, also where it is not painted so."""
    samples: dict[str, Floats] = {}
    for example in EXAMPLES:
        petal, _, centre = (example.label or "").split(", ")
        samples |= dict.fromkeys(example.captions, colours(petal, centre))
    for ours, other, picture in zip(PAIRS.captions, PAIRS.swapped, PAIRS.pictures, strict=True):
        flower = FLOWERS[picture]
        samples[ours] = colours(flower.petal_colour, flower.centre_colour)
        samples[other] = colours(flower.centre_colour, flower.petal_colour)
    return Table(samples)


def probe_of_identity(dim: int) -> RetrievalProbe:
    identity = LinearMap(np.eye(dim, dtype=np.float32), np.zeros(dim, dtype=np.float32))
    return RetrievalProbe(identity, identity)


def random_probe(pictures: int, sentences: int) -> RetrievalProbe:
    random = np.random.default_rng(0)
    maps = [
        LinearMap(random.standard_normal((64, dim)).astype(np.float32), np.ones(64, np.float32))
        for dim in (pictures, sentences)
    ]
    return RetrievalProbe(*maps)


# Bag of words


@QUICK
@given(st.permutations(WORDS))
def test_a_bag_of_words_knows_no_order_to_the_last_bit(words: list[str]) -> None:
    shuffled, sorted_words = BAG.encode([" ".join(words), " ".join(sorted(words))])
    assert shuffled.tobytes() == sorted_words.tobytes()


@QUICK
@given(st.text(max_size=60))
def test_any_text_has_a_bag_of_length_1(text: str) -> None:
    assert np.linalg.norm(BAG.encode([text])[0]) == pytest.approx(1, abs=1e-5)


def test_other_words_make_another_bag_and_rare_ones_weigh_more() -> None:
    bag = BagOfWords(["a red flower", "a blue flower", "a red bird"], vocabulary=4)
    one, other = bag.encode(["a red flower", "a blue flower"])
    assert one @ other < 0.9
    (row,) = bag.encode(["a flower"])
    weight = dict(zip(["a", "flower", "red", "bird"], row, strict=False))
    assert weight["flower"] > weight["a"] > 0


def test_other_captions_make_another_identity() -> None:
    same, other = BagOfWords(["a red flower"]), BagOfWords(["a blue flower"])
    assert BagOfWords(["a red flower"]).identity == same.identity != other.identity


def test_same_words_count_how_often() -> None:
    assert same_words("White petals, red centre", "red petals white centre")
    assert not same_words("a red and a blue", "a red and blue")


# Word order


def test_minimal_pairs_of_toy_flowers_exchange_two_colours_and_nothing_else() -> None:
    assert len(PAIRS) >= 100
    for ours, other, picture in zip(PAIRS.captions, PAIRS.swapped, PAIRS.pictures, strict=True):
        assert same_words(ours, other) and ours != other
        assert ours in captions(FLOWERS[picture])
        changed = sum(one != two for one, two in zip(ours.split(), other.split(), strict=True))
        assert 2 <= changed <= 4  # two colours, and a or an before them


@QUICK
@given(st.integers(0, 10**6))
def test_colours_exchanged_twice_are_as_before(seed: int) -> None:
    (flower,) = toy_flowers(1, seed)
    for caption in captions(flower):
        once = swap_toy_colours(flower, caption)
        assert once != caption
        assert swap_toy_colours(flower, once) == caption
        for article, word in zip(once.split(), once.split()[1:], strict=False):
            assert article not in ("a", "an") or (article == "an") == (word[0] in "aeiou")


def test_real_pairs_have_the_same_words_and_name_their_picture() -> None:
    swaps = {"red wing, blue tail": "blue wing, red tail", "a red ear": "an orange ear"}
    examples = [
        Example("0", ("no colours",), None),
        Example("1", ("a red ear", "red wing, blue tail", "red wing, blue tail"), None),
    ]
    pairs = real_pairs(examples, swaps.get)
    assert pairs.captions == ("red wing, blue tail",)
    assert pairs.swapped == ("blue wing, red tail",)
    assert pairs.pictures.tolist() == [1]


def test_a_bag_of_words_is_right_in_exactly_half_of_the_pairs() -> None:
    features = np.random.default_rng(1).standard_normal((len(FLOWERS), 32)).astype(np.float32)
    order = order_by_pictures([random_probe(32, BAG.dim)] * 2, features, PAIRS, BAG)
    assert order.right == Mean(0.5, 0.0, len(FLOWERS))
    assert order.elsewhere == order.right
    assert order.cosine == pytest.approx(1)
    assert order_by_attributes(EXAMPLES, FLOWERS, PAIRS, BAG).right == order.right


def test_pairs_that_a_bag_of_words_can_tell_apart_are_noticed() -> None:
    half, more = (Order(Mean(value, 0, 9), None, 1, 9) for value in (0.5, 0.52))
    text.check_baseline({"toy": {"bag of words": half, "small": more}})
    with pytest.raises(RuntimeError, match=r"toy: a bag of words is right in 0\.52"):
        text.check_baseline({"toy": {"bag of words": more}})


def test_who_knows_which_colour_belongs_to_what_is_always_right() -> None:
    reader = reader_of_toy_captions()
    features = np.stack([colours(each.petal_colour, each.centre_colour) for each in FLOWERS])
    order = order_by_pictures([probe_of_identity(reader.dim)], features, PAIRS, reader)
    assert order.right.value == 1
    assert order.elsewhere and order.elsewhere.value < 0.9
    assert (order.pairs, order.cosine) == (len(PAIRS), 0)
    exchanged = np.stack([colours(each.centre_colour, each.petal_colour) for each in FLOWERS])
    wrong = order_by_pictures([probe_of_identity(reader.dim)], exchanged, PAIRS, reader)
    assert wrong.right.value == 0
    assert order_by_attributes(EXAMPLES, FLOWERS, PAIRS, reader).right.value == 1


def test_a_picture_with_many_pairs_counts_once() -> None:
    reader = reader_of_toy_captions()
    features = np.stack([colours(each.petal_colour, each.centre_colour) for each in FLOWERS])
    features[0] = colours(FLOWERS[0].centre_colour, FLOWERS[0].petal_colour)
    order = order_by_pictures([probe_of_identity(reader.dim)], features, PAIRS, reader)
    assert order.right.value == pytest.approx(1 - 1 / len(FLOWERS))


# Retrieval


def test_all_captions_of_a_picture_have_a_say() -> None:
    """Of two captions, one says the contrary: half is found."""
    real = tiny_real(120, seed=1)
    found = hits([tiny_probes().retrieval], real)
    assert found.at_1.mean() > 0.9
    assert (found.at_5 >= found.at_1).all()
    broken = real.sentences.copy()
    broken[real.first_captions] *= -1
    halved = hits([tiny_probes().retrieval], replace(real, sentences=broken))
    assert 0.4 < halved.at_1.mean() < 0.6


def test_the_first_five_count_for_r_at_5() -> None:
    real = tiny_real(120, seed=1)
    noise = np.random.default_rng(0).standard_normal(real.features.shape).astype(np.float32)
    vague = replace(real, features=real.features + noise)
    probe, first = tiny_probes().retrieval, real.first_captions
    found = hits([probe], vague)
    ranks = np.stack([probe.ranks(vague.features, vague, first + turn, turn) for turn in (0, 1)])
    np.testing.assert_array_equal(found.at_1, (ranks == 0).mean(axis=0))
    np.testing.assert_array_equal(found.at_5, (ranks < 5).mean(axis=0))
    assert found.at_5.mean() > found.at_1.mean() + 0.1


def test_gains_are_paired_and_the_reference_has_none() -> None:
    random = np.random.default_rng(0)
    hard = random.random(500)
    easier = Hits(hard + 0.1, hard + 0.2)
    found = compare({"base": Hits(hard, hard), "new": easier}, "base")
    assert found["base"].r_at_1_gain == Mean(0, 0, 500)
    assert found["new"].r_at_1_gain.value == pytest.approx(0.1)
    assert found["new"].r_at_5_gain.value == pytest.approx(0.2)
    for gain in (found["new"].r_at_1_gain, found["new"].r_at_5_gain):
        assert gain.standard_error < 1e-9 < found["new"].r_at_1.standard_error
    assert found["new"].r_at_1.value == pytest.approx(hard.mean() + 0.1)


def test_a_mean_knows_its_noise() -> None:
    mean = Mean.of(np.array([0.0, 1.0, 0.0, 1.0]))
    assert (mean.value, mean.count) == (0.5, 4)
    assert mean.standard_error == pytest.approx(np.sqrt(1 / 3) / 2)


def test_data_without_a_test_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no folder 'train'"):
        DataSet.open(tmp_path)


# Agreement


def test_the_order_of_cosines_alone_counts() -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal(50)
    assert spearman(values, np.exp(values)) == pytest.approx(1)
    assert spearman(values, -(values**3)) == pytest.approx(-1)
    assert abs(spearman(values, random.standard_normal(50))) < 0.4


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    tied, plain = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0, 4.0])
    assert spearman(tied, plain) == pytest.approx(np.corrcoef([1, 2.5, 2.5, 4], plain)[0, 1])


def test_turned_embeddings_agree_and_foreign_ones_do_not() -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((60, 8)).astype(np.float32)
    turn, _ = np.linalg.qr(random.standard_normal((8, 8)))
    assert agreement(rows, (rows @ turn).astype(np.float32)) > 0.999
    assert abs(agreement(rows, random.standard_normal((60, 5)).astype(np.float32))) < 0.2


def test_sentences_are_drawn_once_each_by_the_seed() -> None:
    texts = [f"this is sentence {number}" for number in range(100)] * 2 + ["too short"]
    drawn = some_sentences(texts, 50, seed=0)
    assert len(set(drawn)) == 50 and set(drawn) < set(texts)
    assert drawn == some_sentences(texts[::-1], 50, seed=0) != some_sentences(texts, 50, seed=1)
    assert len(some_sentences(texts, 500, seed=0)) == 100


# Unseen words


def test_the_list_is_sound() -> None:
    words = read_words()
    assert len(words) > 200
    plain = frozenset().union(*words.values())
    assert not plain & words.keys()  # no word is at once asked for and a sample


@pytest.mark.parametrize("line", ["teal blue", "teal:", "red: crimson"])
def test_a_bad_line_of_the_list_is_told_with_its_number(line: str, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(f"# looks\n\nred: crimson\n{line}\n")
    with pytest.raises(DataError, match=f"words.txt:4: '{line}'"):
        read_words(tmp_path / "words.txt")


def test_only_words_that_no_caption_has_are_asked_for() -> None:
    words = {
        "crimson": frozenset({"red"}),
        "teal": frozenset({"blue", "green"}),
        "off-white": frozenset({"white"}),
        "puce": frozenset({"purple"}),
    }
    captions = ["a red, BLUE flower"] * 100 + ["a green flower with off-white", "Teal-like", "red"]
    test = word_test(words, captions)
    assert test.plain == ("blue", "red")  # green, white and purple are too rare
    assert test.right == {"crimson": {"red"}}
    assert word_test(words, captions[:-2]).right == {"crimson": {"red"}, "teal": {"blue"}}
    assert word_test(words, captions[:-2]).chance == 0.5


def test_a_word_is_right_if_its_nearest_plain_word_is() -> None:
    angles = {"red": 0.0, "blue": 1.0, "green": 2.0, "crimson": 0.4, "teal": 0.6, "jade": 0.3}
    samples = {
        f"a {word} thing": np.array([np.cos(angle), np.sin(angle)])
        for word, angle in angles.items()
    }
    right = {
        "crimson": frozenset({"red"}),
        "teal": frozenset({"blue", "green"}),
        "jade": frozenset({"green"}),
    }
    test = WordTest(("blue", "green", "red"), right, frozenset({"teal"}))
    score = word_score(test, Table(samples))
    assert score.right.value == pytest.approx(2 / 3)
    assert score.not_composed.value == pytest.approx(1 / 2)
    assert score.failures == {"jade": "red"}


# Time and size


class Slow:
    """An encoder that takes as long as its folder's name says, and ten times that at first."""

    now = 0.0

    def __init__(self, folder: Path, _: str) -> None:
        self._seconds = float(folder.name)
        self._calls = 0

    def encode(self, sentences: Sequence[str]) -> None:
        self._calls += 1
        Slow.now += self._seconds * len(sentences) * (10 if self._calls <= 20 else 1)


def test_encoders_are_timed_sentence_by_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("0.5", "0.125"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text_encoder.onnx").write_bytes(b"w" * 10)
        (tmp_path / name / "tokenizer.json").write_bytes(b"t" * 5)
    monkeypatch.setattr(text_speed, "OnnxTextEncoder", Slow)
    monkeypatch.setattr(time, "perf_counter", lambda: Slow.now)
    folders = {"big": tmp_path / "0.5", "little": tmp_path / "0.125"}
    found = speeds(folders, "big", ["sentence"] * 30)
    assert found == {"big": Speed(500, 1, 15), "little": Speed(125, 4, 15)}


def test_timed_sentences_are_of_8_to_20_words() -> None:
    texts = [" ".join(["word"] * count) for count in range(40)]
    drawn = timed_sentences(texts, 99, seed=0)
    assert sorted(len(each.split()) for each in drawn) == [*range(8, 21)]


def test_the_exported_minilm_answers_as_minilm_does(tmp_path: Path) -> None:
    export_minilm(tmp_path)
    texts = ["a red flower", "this small bird has a yellow belly, and black wings", ""]
    exported, original = OnnxTextEncoder(tmp_path, "exported").encode(texts), MiniLM().encode(texts)
    np.testing.assert_allclose((exported * original).sum(axis=1), 1, atol=1e-4)


# The page


def report() -> Report:
    mean = Mean(0.25, 0.01, 400)
    names = ("minilm", "bag of words", "small")
    retrieval = compare(
        {name: Hits(np.array([0.0, place / 10]), np.ones(2)) for place, name in enumerate(names)},
        "minilm",
    )
    return Report(
        reference="minilm",
        shipped="small",
        encoders={name: EncoderIdentity(name, f"{name}-sha" * 8) for name in names},
        measured_on={"agreement": {"sentences": 7}, "speed": {"sentences": 9}},
        retrieval={"flowers": retrieval},
        agreement=dict.fromkeys(names, 0.875),
        order={
            "flowers": {name: Order(mean, mean, 0.99, 300) for name in names},
            "toy": {name: Order(mean, None, 0.98, 400) for name in names},
        },
        words={name: WordScore(mean, mean, {"teal": f"of {name}"}) for name in names},
        word_test=WordTest(
            ("blue", "red"),
            {"teal": frozenset({"blue"}), "puce": frozenset({"red"})},
            frozenset({"teal"}),
        ),
        speed={"minilm": Speed(6, 1, 45_000_000), "small": Speed(0.5, 12, 6_000_000)},
        published_bytes=90_000_000,
    )


def test_the_page_has_a_row_for_each_encoder_in_every_table() -> None:
    page = measured(report())
    tables = [block for block in page.split("\n\n") if block.startswith("|")]
    assert len(tables) == 5
    for table in tables:
        rows = table.splitlines()
        assert len({row.count("|") for row in rows}) == 1
        assert sum(row.startswith("| small |") for row in rows) == 1
        assert sum(row.startswith("| minilm |") for row in rows) == 1
    assert "| small | 0.100 ± 0.100 | +0.100 ± 0.100 | 1.000 ± 0.000 | +0.000 ± 0.000 |" in page
    assert "| small | 0.250 ± 0.010 (0.250) | 0.990 | 0.250 ± 0.010 | 0.980 |" in page
    assert "| small | 0.50 | 12.0 | 6.0 | 15.0 |" in page
    assert "| minilm | 0.000 ± 0.000 |  | 1.000 ± 0.000 |  |" in page
    assert "teal → of small" in page and "of minilm" not in page.split("Failures")[1]


def test_the_report_has_every_figure_and_what_it_was_computed_from() -> None:
    content = json.loads(as_json(report()))
    assert content["encoders"]["small"]["sha256"] == "small-sha" * 8
    assert content["retrieval"]["flowers"]["small"]["r_at_1_gain"]["value"] == 0.1
    assert content["order"]["toy"]["small"]["elsewhere"] is None
    assert content["words"]["small"]["failures"] == {"teal": "of small"}
    assert content["word_test"]["chance"] == 0.5
    assert content["measured_on"]["speed"] == {"sentences": 9}


def test_words_around_the_marks_are_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    for _ in range(2):
        write_measured(page, "new\n")
        assert page.read_text() == f"Before.\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter.\n"


def test_a_page_without_marks_is_noticed_first(tmp_path: Path) -> None:
    (tmp_path / "text-encoder.md").write_text(f"{END}{BEGIN}")
    with pytest.raises(OutputError, match="must have the lines <!-- measured: begin"):
        text.main([tmp_path], ["small=gone"], None, tmp_path, tmp_path)
    with pytest.raises(OutputError, match="must have the lines"):
        check_marks(tmp_path / "gone.md")


@pytest.mark.parametrize("bad", ["small", "=folder", "small=", "minilm=x", "bag of words=x", "a=b"])
def test_an_encoder_without_a_name_of_its_own_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match=f"--encoder '{bad}' must be NAME=FOLDER"):
        text.encoder_folders(["a=b", bad])
    assert text.encoder_folders(["small (a)=b=c"]) == {"small (a)": Path("b=c")}
