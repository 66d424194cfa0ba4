"""What earlier versions wrote is read as they meant it; what later ones wrote is refused."""

import json
from pathlib import Path

import pytest
import yaml

from captiongan.base.schemas import Migration, of_today
from captiongan.errors import CaptionganError, ConfigError, RunError
from captiongan.runs.checkpoint import checkpoints, save_checkpoint
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import SCHEMA, load_config, merged
from captiongan.runs.load_trained import load_trained
from captiongan.runs.run_folder import RunFolder
from captiongan.training.start import start
from captiongan.version import __version__
from support.tiny_run import StubEncoder, tiny_run, tiny_state

OF_BEFORE_SCORES = """\
name: dcgan
data:
  source: {source}
  resolution: 16
  margin: 3
  flip: true
text:
  encoder: {encoder}
generator:
  features: 2
  noise_dim: 5
  projected_dim: 4
discriminator:
  features: 2
  projected_dim: 4
losses:
  pixel_wise: 50.0
  feature_matching: 100.0
optimiser:
  learning_rate: 0.0002
  beta1: 0.5
  beta2: 0.999
training:
  kimg: 0.04
  batch_size: 4
  seed: 0
  precision: 32-true
  ema_halflife_kimg: 0.01
  log_every_kimg: 1.0
  grid_every_kimg: 20.0
  checkpoint_every_kimg: 20.0
  keep_checkpoints: 2
"""
"""A config.yaml to the letter as version 0.1.0 wrote it before runs scored themselves."""

OF_SCHEMA_3 = """\
schema: 3
captiongan: 0.1.0
name: projected
network: projected
data:
  source: /data/flowers
  resolution: 64
  margin: 12
  flip: true
  facing: false
  squash: false
  mismatching: class
  typical_share: 1.0
text:
  encoder: text_encoder/flowers
  captions: all
  averaged: 1
  noise: 0.0
  wording: 0.5
generator:
  features: 32
  noise_dim: 128
  projected_dim: 128
  attention: 16
discriminator:
  features: 32
  projected_dim: 128
  look:
  - 96
  - 128
  beside: false
losses:
  discriminator: hinge-cls
  pixel_wise: 0.0
  feature_matching: 0.0
  interpolation: 0.0
  mode_seeking: 0.0
  contrastive: 1.0
  augment:
  - translation
  - cutout
  augment_probability: 1.0
  blur_kimg: 0.0
  blur_sigma: 2.0
  text_fade_kimg: 0.0
  species: 0.2
optimiser:
  learning_rate: 0.0002
  discriminator_learning_rate: null
  beta1: 0.0
  beta2: 0.99
  halve_every_kimg: 0.0
training:
  start:
    bundle: birds
    name: birds
    version: '1'
    sha256: abababababababababababababababababababababababababababababababab
    extractors:
    - lite0
  kimg: 1000.0
  batch_size: 64
  seed: 0
  precision: auto
  ema_halflife_kimg: 20.0
  log_every_kimg: 1.0
  grid_every_kimg: 20.0
  checkpoint_every_kimg: 20.0
  keep_checkpoints: 2
  on_divergence: stop
  rollbacks: 3
scores:
  every_kimg: 50.0
  extractor: lite2
  patience: 0
"""
"""A config.yaml to the letter as version 0.1.0 wrote it with schema 3."""


@pytest.fixture
def old(tmp_path: Path) -> RunFolder:
    """A run of before there were scores, and before a configuration had a schema."""
    run = tiny_run(tmp_path, 2)
    config = run.config()
    text = OF_BEFORE_SCORES.format(source=config.data.source, encoder=config.text.encoder)
    (run.path / "config.yaml").write_text(text)
    return run


def edit(run: RunFolder, **changes: object) -> None:
    file = run.path / "config.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))


def test_a_run_of_before_there_were_scores_goes_on_without_any(old: RunFolder) -> None:
    assert RunConfig().scores.every_kimg > 0  # which a new run has, unless it is told otherwise
    assert old.config().scores.every_kimg == 0
    with pytest.raises(ConfigError, match=r"--set scores.every_kimg=9.0: the run began with 0.0,"):
        start(None, None, old.path.parent, old.path, ["scores.every_kimg=9"], dry_run=True)


def test_what_it_learned_was_chosen_by_no_network_and_any_may_judge_it(old: RunFolder) -> None:
    assert load_trained(old).config.extractors == ()


def test_all_else_of_an_old_configuration_means_what_it_did(old: RunFolder) -> None:
    config = old.config()
    assert config.network == "dcgan"
    assert config.losses.discriminator == "gan-cls"
    assert config.training.on_divergence == "stop"


def test_a_run_that_goes_on_is_noted_as_of_today(old: RunFolder) -> None:
    old.write_config(old.config())
    noted = yaml.safe_load((old.path / "config.yaml").read_text())
    assert (noted["schema"], noted["captiongan"]) == (SCHEMA, __version__) == (4, "0.1.0")
    assert noted["scores"]["every_kimg"] == old.config().scores.every_kimg == 0


def test_a_run_that_scored_itself_before_there_was_a_schema_still_does(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    written = yaml.safe_load((run.path / "config.yaml").read_text())
    del written["schema"], written["captiongan"]
    (run.path / "config.yaml").write_text(yaml.safe_dump(written))
    assert run.config().scores.every_kimg == 50


def scored_by(run: RunFolder, network: str, **scores: object) -> RunFolder:
    """Make a run one that a version of schema 2 wrote, with this network and these scores."""
    edit(run, schema=2, network=network, scores={"every_kimg": 50.0, "extractor": "lite0"} | scores)
    return run


def test_a_run_of_projected_that_lite0_scored_opens_and_goes_on_without_scores(
    tmp_path: Path,
) -> None:
    """Its discriminator looks through lite0, which a new run is told."""
    run = scored_by(tiny_run(tmp_path, 1), "projected")
    config = run.config()
    assert (config.scores.every_kimg, config.extractors) == (0, ("lite0",))
    run.write_config(config)
    assert run.config() == config


@pytest.mark.parametrize(
    ("network", "scores"),
    [
        ("dcgan", {}),
        ("projected", {"extractor": "lite1"}),
        ("projected", {"every_kimg": 0.0}),
    ],
    ids=["another network", "another extractor", "no scores"],
)
def test_all_other_runs_are_scored_as_they_were(
    network: str, scores: dict[str, object], tmp_path: Path
) -> None:
    run = scored_by(tiny_run(tmp_path, 1), network, **scores)
    expected = {"every_kimg": 50.0, "extractor": "lite0", "patience": 0} | scores
    assert run.config().scores.model_dump() == expected


@pytest.mark.parametrize("scores", ["nothing", "~", "5", "{every_kimg: 9}"])
def test_scores_that_an_old_file_leaves_to_chance_are_read_or_refused_as_before(
    scores: str, tmp_path: Path
) -> None:
    lines = ["schema: 2", "network: projected"]
    lines += [f"scores: {scores}"] if scores != "nothing" else []
    file = tmp_path / "old.yaml"
    file.write_text("\n".join(lines))
    if scores == "5":
        with pytest.raises(ConfigError, match="scores = 5"):
            load_config(file)
    else:
        assert load_config(file).scores.every_kimg == 0


def test_what_a_run_of_schema_3_wrote_is_read_to_the_letter(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(OF_SCHEMA_3)
    written = yaml.safe_load(OF_SCHEMA_3)
    del written["schema"], written["captiongan"]
    written["text"]["encoder"] = str(tmp_path / "text_encoder" / "flowers")
    written["text"]["conditioning_augmentation"] = written["text"].pop("wording")
    read = yaml.safe_load(load_config(tmp_path / "config.yaml", schema=1).to_yaml())
    assert merged(read, written) == read  # which may have options that came later


def test_a_file_that_a_person_wrote_has_the_defaults_of_today(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("network: dcgan\n")
    assert load_config(tmp_path / "mine.yaml").scores == RunConfig().scores


def test_the_configuration_of_a_run_begins_another(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    assert load_config(run.path / "config.yaml") == run.config()


@pytest.mark.parametrize(
    ("by", "install"),
    [
        ("7.1.0", "install captiongan 7.1.0 or newer"),
        ("7\n; rm", "install a newer captiongan"),
        (None, "install a newer captiongan"),
    ],
)
def test_a_run_of_a_later_version_is_refused_with_the_version_to_install(
    by: object, install: str, tmp_path: Path
) -> None:
    run = tiny_run(tmp_path, 1)
    edit(run, schema=SCHEMA + 1, captiongan=by, speed="a new option")
    with pytest.raises(ConfigError, match=rf"config.yaml' has schema {SCHEMA + 1}, .* {install}$"):
        run.config()


@pytest.mark.parametrize("schema", [0, -1, "two", 1.5, True, None, [1]])
def test_a_schema_that_is_none_is_refused(schema: object, tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 1)
    edit(run, schema=schema)
    with pytest.raises(ConfigError, match="must be a whole number above 0"):
        run.config()


def test_a_checkpoint_of_a_later_version_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    """Else a run would go on from an older one, and the newer one would be written over."""
    state = tiny_state()
    for state.step in (1, 2):
        saved = save_checkpoint(state, StubEncoder().identity, tmp_path, keep=2)
    file = saved.path / "manifest.json"
    facts = json.loads(file.read_text())
    assert facts["captiongan"] == __version__
    file.write_text(json.dumps(facts | {"schema": 3, "captiongan": "0.9.0"}))
    with pytest.raises(RunError, match=r"step-000000002' has schema 3, .* captiongan 0.9.0 or"):
        checkpoints(tmp_path)
    state.step = 3
    with pytest.raises(RunError, match="schema 3"):
        save_checkpoint(state, StubEncoder().identity, tmp_path, keep=1)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("told", [["captiongan"], []])
def test_a_checkpoint_of_before_they_named_their_run_still_counts(
    told: list[str], tmp_path: Path
) -> None:
    saved = save_checkpoint(tiny_state(), StubEncoder().identity, tmp_path, keep=1)
    file = saved.path / "manifest.json"
    facts = json.loads(file.read_text())
    names = [*told, "step", "text_encoder", "files"]
    file.write_text(json.dumps({"schema": 1} | {name: facts[name] for name in names}))
    assert checkpoints(tmp_path) == [saved]


def test_migrations_are_applied_in_order_from_the_schema_of_the_facts_on() -> None:
    def going(number: int) -> Migration:
        return lambda facts: facts | {"way": f"{facts.get('way', '')}{number}"}

    way = [going(number) for number in (1, 2, 3)]
    for schema, expected in ((1, "123"), (2, "23"), (3, "3"), (4, None)):
        facts = of_today({"schema": schema}, way, "it", CaptionganError)
        assert (facts["schema"], facts.get("way")) == (4, expected)
