"""`captiongan train --from`: a run that starts from a bundle."""

import json
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from captiongan.base.files import sha256_of
from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle
from captiongan.bundle.manifest import CRITIC_FILE, MANIFEST, FileFacts
from captiongan.draw.noise import noise_of
from captiongan.draw.picture import read_metadata
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import BundleError, CaptionganError, ConfigError
from captiongan.export.export import bundle_of_run, export_run
from captiongan.networks.pixels import to_pictures
from captiongan.runs.checkpoint import checkpoints
from captiongan.runs.load_trained import load_trained
from captiongan.runs.run_folder import RunFolder
from captiongan.training import discriminator_warm_up, starting_config
from captiongan.training import start as begin
from captiongan.training.bundle_weights import read_critic, read_generator
from captiongan.training.loop import train
from captiongan.training.start import start
from captiongan.training.trainer import Trainer
from support.command_line import captiongan
from support.tiny_run import RECIPE, tiny_run

TINY = [
    *(
        "network=fusion",
        "data.resolution=16",
        "data.margin=2",
        "text.conditioning_augmentation=0.5",
    ),
    *("generator.features=4", "generator.noise_dim=8", "discriminator.features=4"),
    *("losses.pixel_wise=0", "losses.feature_matching=0", "training.precision=32-true"),
    *("training.batch_size=4", "scores.every_kimg=0"),
]
ATTENTION = ("read.weight", "write.weight", "gamma")
SHORT = ["scores.every_kimg=0", "training.kimg=0.048", "training.batch_size=4"]
OFTEN = [f"training.{what}_every_kimg=0.008" for what in ("log", "grid", "checkpoint")]
PLAN = [*SHORT, *OFTEN, "training.precision=32-true"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two bundles of a tiny run: `whole`, and `plain` without its discriminator."""
    work = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAPTIONGAN_CACHE", str(work / "cache"))
        start(None, "toy:24", work, None, [*TINY, "training.kimg=0.02"], dry_run=False)
        trained = load_trained(RunFolder.open(work / "00000-dcgan"))
        export_run(trained, work / "whole", "whole", "1.2", ["a red flower"])
        export_run(trained, work / "plain", "plain", "1", ["a red flower"], with_critic=False)
        yield work


@pytest.fixture(autouse=True)
def short_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discriminator_warm_up, "WINDOW", 2)
    monkeypatch.setattr(discriminator_warm_up, "LONGEST_WARM_UP", 6)


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Bundle:
    """A copy that a test may damage."""
    shutil.copytree(made / "whole", tmp_path / "whole")
    return read_bundle(tmp_path / "whole")


def begun(bundle: Path, out: Path, *overrides: str, data: str = "toy:30") -> RunFolder:
    """Train twelve steps from a bundle."""
    start(None, data, out, None, [*PLAN, *overrides], dry_run=False, bundle=str(bundle))
    return RunFolder.open(next(out.glob("0*")))


def listed_as_it_is(bundle: Bundle, name: str) -> None:
    """Make the manifest fit a file that was changed."""
    facts = json.loads((bundle.folder / MANIFEST).read_text())
    measured = FileFacts.of(bundle.folder / name)
    facts["files"][name] = {"bytes": measured.size, "sha256": measured.sha256}
    (bundle.folder / MANIFEST).write_text(json.dumps(facts))


# The weights


@pytest.mark.parametrize("name", ["whole", "plain"])
def test_at_step_0_a_run_draws_what_its_bundle_draws(name: str, made: Path, tmp_path: Path) -> None:
    run = begun(made / name, tmp_path, "training.keep_checkpoints=100")
    first = checkpoints(run.checkpoints)[0]
    assert first.step == 0
    pipeline = Pipeline.from_bundle(made / name)
    trained = load_trained(run)
    prompts = ["a red flower", "a blue flower with six round petals", "yellow"]
    noise = np.stack([noise_of(seed, 8) for seed in range(len(prompts))])
    expected = pipeline.draw(noise, pipeline.encode(prompts)).astype(int)

    def error() -> int:
        with torch.no_grad():
            drawn = trained.generator(
                torch.from_numpy(noise), torch.from_numpy(trained.encoder.encode(prompts))
            )
        return int(np.abs(to_pictures(drawn).numpy().astype(int) - expected).max())

    assert error() > 1  # after twelve steps
    trained.generator.load_state_dict(first.tensors("average"))
    assert error() <= 1


def test_the_configuration_says_which_bundle_the_run_started_from(
    made: Path, tmp_path: Path
) -> None:
    run = begun(made / "whole", tmp_path)
    origin = run.config().training.start
    assert origin is not None
    assert (origin.name, origin.version) == ("whole", "1.2")
    assert origin.sha256 == sha256_of(made / "whole" / MANIFEST)
    assert run.config().network == "fusion"
    assert run.config().generator.features == 4


def test_a_bundle_of_such_a_run_says_so_without_paths_and_can_be_started_from(
    made: Path, tmp_path: Path
) -> None:
    run = begun(made / "whole", tmp_path / "first")
    export_run(load_trained(run), tmp_path / "child", "child", "1", ["a red flower"])
    manifest = (tmp_path / "child" / MANIFEST).read_text()
    assert str(made) not in manifest
    assert "| start | from `whole` 1.2" in (tmp_path / "child" / "README.md").read_text()
    second = begun(tmp_path / "child", tmp_path / "second").config().training.start
    assert second is not None
    assert second.name == "child"


def test_the_discriminator_of_a_bundle_is_taken_over(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begin, "warm_up", lambda *_: True)
    run = begun(made / "whole", tmp_path, "training.keep_checkpoints=100")
    had = read_critic(read_bundle(made / "whole"))
    assert had is not None
    first = checkpoints(run.checkpoints)[0].tensors("discriminator")
    assert first.keys() == had.keys()
    assert all(torch.equal(first[name], had[name]) for name in had)


@pytest.mark.parametrize(("strength", "times"), [(0.25, 0.5), (0.0, 0.0)])
def test_wording_scales_the_directions_of_the_bundle(
    strength: float, times: float, made: Path, tmp_path: Path
) -> None:
    run = begun(made / "whole", tmp_path, f"text.conditioning_augmentation={strength}")
    directions = load_trained(run).generator.state_dict()["wording"]
    of_bundle = read_generator(read_bundle(made / "whole"))["wording"]
    assert of_bundle.abs().max() > 0
    assert torch.allclose(directions, times * of_bundle)


def test_a_run_may_add_self_attention_to_its_bundle_and_still_draws_the_same_at_step_0(
    made: Path, tmp_path: Path
) -> None:
    run = begun(made / "whole", tmp_path, "generator.attention=8", "training.keep_checkpoints=100")
    had = read_generator(read_bundle(made / "whole"))
    first, *_, last = (saved.tensors("average") for saved in checkpoints(run.checkpoints))
    assert not first["attentions.0.gamma"].any()
    assert last["attentions.0.gamma"].any()
    assert first.keys() - had.keys() == {f"attentions.0.{name}" for name in ATTENTION}
    assert all(torch.equal(first[name], had[name]) for name in had)

    child = export_run(load_trained(run), tmp_path / "child", "child", "1", ["a red flower"])
    again = begun(child.folder, tmp_path / "again", "training.keep_checkpoints=100")
    drawn, taken = read_generator(child), checkpoints(again.checkpoints)[0].tensors("average")
    assert drawn.keys() == taken.keys()
    assert all(torch.equal(drawn[name], taken[name]) for name in drawn)
    with pytest.raises(ConfigError, match=r"generator\.attention is 8 there and 0 here"):
        begun(child.folder, tmp_path / "without", "generator.attention=0")


def test_what_tells_classes_is_fresh_and_the_rest_of_the_discriminator_taken_over(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begin, "warm_up", lambda *_: True)
    keep = "training.keep_checkpoints=100"
    run = begun(made / "whole", tmp_path / "toy", "losses.species=1", keep)
    export_run(load_trained(run), tmp_path / "child", "child", "1", ["a red flower"])
    had = read_critic(read_bundle(tmp_path / "child"))
    assert had is not None and "species.weight" in had
    for species in (0, 1):
        name = f"with-{species}"
        again = begun(tmp_path / "child", tmp_path / name, f"losses.species={species}", keep)
        first = checkpoints(again.checkpoints)[0].tensors("discriminator")
        own = {each for each in first if each.startswith("species.")}
        assert len(own) == 2 * species
        assert all(torch.equal(first[each], had[each]) for each in first.keys() - own)
        assert not any(torch.equal(first[each], had[each]) for each in own)


# The warm-up


def test_the_discriminator_warms_up_alone_until_it_tells_real_pairs_from_generated_ones(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracies = iter([0.2, 0.3, 0.3, 0.8, 0.9, 0.9])
    monkeypatch.setattr(discriminator_warm_up, "_accuracy", lambda *_: next(accuracies))
    begun(made / "plain", tmp_path)
    assert list(accuracies) == [0.9]
    assert "warmed up the discriminator on 20 pictures" in capsys.readouterr().out


def test_the_warm_up_ends_when_the_discriminator_learns_no_more(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracies = iter([0.2, 0.4, 0.5, 0.5, 0.52, 0.48, 0.6, 0.6])
    monkeypatch.setattr(discriminator_warm_up, "LONGEST_WARM_UP", 8)
    monkeypatch.setattr(discriminator_warm_up, "_accuracy", lambda *_: next(accuracies))
    begun(made / "plain", tmp_path / "flat")
    assert list(accuracies) == [0.6, 0.6]
    out = capsys.readouterr().out
    assert "it still classifies only 50% of real and generated pairs correctly" in " ".join(
        out.split()
    )


def test_the_warm_up_teaches_the_discriminator_and_leaves_the_generator_alone(
    made: Path, tmp_path: Path
) -> None:
    begun(made / "plain", tmp_path / "warm", "training.keep_checkpoints=100")
    run = begun(made / "plain", tmp_path / "again", "training.keep_checkpoints=100")
    first, later = checkpoints(run.checkpoints)[0], checkpoints(run.checkpoints)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(begin, "warm_up", lambda *_: True)
        cold = begun(made / "plain", tmp_path / "cold", "training.keep_checkpoints=100")
    untaught = checkpoints(cold.checkpoints)[0]
    assert _equal(first.tensors("average"), untaught.tensors("average"))
    assert not _equal(first.tensors("discriminator"), untaught.tensors("discriminator"))
    assert later.step == 2


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


# Kill and resume


@pytest.mark.parametrize("saved", ["a checkpoint", "the start alone", "nothing"])
def test_a_run_that_was_killed_ends_as_if_it_had_never_been(
    saved: str, made: Path, tmp_path: Path
) -> None:
    keep = "training.keep_checkpoints=100"
    unbroken = begun(made / "whole", tmp_path / "unbroken", keep)
    killed = begun(made / "whole", tmp_path / "killed", keep)
    kept = {"a checkpoint": 3, "the start alone": 1, "nothing": 0}[saved]
    for later in checkpoints(killed.checkpoints)[kept:]:
        shutil.rmtree(later.path)
    start(None, None, tmp_path, killed.path, [], dry_run=False)
    assert _outcome(killed) == _outcome(unbroken)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_warm_up_ends_the_run_which_begins_again_as_if_it_had_never_been(
    number: signal.Signals, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unbroken = begun(made / "whole", tmp_path / "unbroken")
    out, update, taken = tmp_path / "stopped", discriminator_warm_up._accuracy, []

    def struck(trainer: Trainer, step: int) -> float:
        taken.append(step)
        signal.raise_signal(number)
        return update(trainer, step)

    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discriminator_warm_up, "_accuracy", struck)
        complete = start(None, "toy:30", out, None, PLAN, False, bundle=str(made / "whole"))
    run = RunFolder(out / unbroken.path.name)
    assert (complete, taken) == (False, [0])
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"stopped during the warm-up; start it again with: captiongan train --resume {run.path}"
    )
    assert checkpoints(run.checkpoints) == []
    start(None, None, tmp_path, run.path, [], dry_run=False)
    assert _outcome(run) == _outcome(unbroken)


def _outcome(run: RunFolder) -> dict[str, object]:
    """Return all that a run leaves, but for times."""
    files = [*run.checkpoints.glob("*/*"), *run.grids.iterdir()]
    lines = [
        {name: value for name, value in line.items() if name not in ("time", "images_per_second")}
        for line in run.metrics()
    ]
    return {f"{file.parent.name}/{file.name}": file.read_bytes() for file in files} | {
        "metrics": lines
    }


def test_the_same_command_resumes_the_run_and_another_start_is_refused(
    made: Path, tmp_path: Path
) -> None:
    def again(bundle: str) -> bool:
        return start(
            None, "toy:30", tmp_path, None, PLAN, False, into=tmp_path / "run", bundle=bundle
        )

    assert again(str(made / "whole"))
    assert again(str(made / "whole"))
    with pytest.raises(ConfigError, match="the run there has training start"):
        again(str(made / "plain"))


def test_a_run_that_must_begin_again_wants_the_very_bundle(bundle: Bundle, tmp_path: Path) -> None:
    run = begun(bundle.folder, tmp_path / "runs")
    shutil.rmtree(run.checkpoints)
    run.checkpoints.mkdir()
    facts = json.loads((bundle.folder / MANIFEST).read_text())
    (bundle.folder / MANIFEST).write_text(json.dumps(facts | {"version": "9"}))
    with pytest.raises(BundleError, match=r"is not the one that this run starts from \(whole 1.2"):
        start(None, None, tmp_path, run.path, [], dry_run=False)


# What cannot be started from


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.resolution=32", "data.resolution is 16 there and 32 here; set data.resolution=16"),
        ("generator.noise_dim=12", "generator.noise_dim is 8 there and 12 here"),
        ("text.encoder=minilm", "its text encoder is small .*, text.encoder=minilm is"),
        ("discriminator.features=8", "its discriminator does not fit"),
    ],
)
def test_what_differs_from_the_bundle_is_named_and_leaves_no_run(
    override: str, message: str, made: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        begun(made / "whole", tmp_path, override)
    assert not list(tmp_path.glob("0*"))


def test_the_networks_that_trained_the_bundle_count_as_a_part_of_the_run(bundle: Bundle) -> None:
    facts = json.loads((bundle.folder / MANIFEST).read_text())
    facts["training"]["extractors"] = ["lite0"]
    (bundle.folder / MANIFEST).write_text(json.dumps(facts))
    config = starting_config.starting_config(str(bundle.folder), None, [], "toy:30", print)
    assert config.extractors == ("lite0", "lite2")


def test_choices_for_the_bundles_own_training_are_not_taken_over(bundle: Bundle) -> None:
    facts = json.loads((bundle.folder / MANIFEST).read_text())
    theirs = facts["training"]["config"]
    theirs["losses"] |= {"blur_kimg": 200, "text_fade_kimg": 100, "species": 1, "mode_seeking": 0.5}
    theirs["data"] |= {"typical_share": 0.5, "margin": 1}
    theirs["network"] = "projected"
    theirs["discriminator"]["look"] = [96, 160]
    (bundle.folder / MANIFEST).write_text(json.dumps(facts))
    config = starting_config.starting_config(str(bundle.folder), None, [], "toy:30", print)
    losses = config.losses
    assert losses.blur_kimg == losses.text_fade_kimg == losses.species == 0
    assert config.data.typical_share == 1 and config.discriminator.look == ()
    assert (config.losses.mode_seeking, config.data.margin) == (0.5, 1)


def test_the_data_of_a_bundle_is_not_trained_on(bundle: Bundle, tmp_path: Path) -> None:
    facts = json.loads((bundle.folder / MANIFEST).read_text())
    facts["training"]["config"]["data"]["source"] = "toy:24"
    (bundle.folder / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match="--data is missing"):
        start(None, None, tmp_path / "runs", None, PLAN, False, bundle=str(bundle.folder))


def test_a_rollback_to_the_start_stays_noted(made: Path, tmp_path: Path) -> None:
    run = begun(made / "whole", tmp_path)
    for later in checkpoints(run.checkpoints):
        shutil.rmtree(later.path) if later.step else None
    first = run.metrics()[0]
    run.forget_metrics_after(-1)
    run.add_metrics(first | {"rolled_back_from": 3})
    trainer = Trainer.prepare(run.config(), Console(quiet=True))
    assert train(trainer, run, Console(quiet=True))
    assert [line["rolled_back_from"] for line in run.metrics() if "rolled_back_from" in line] == [3]


def test_another_generator_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="network is 'fusion' there and 'dcgan' here"):
        begun(made / "whole", tmp_path, "network=dcgan", "text.conditioning_augmentation=0")


def test_a_bundle_whose_batchnorm_is_folded_away_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="'flowers-lecture' was trained by network 'dcgan'"):
        begun(Path("flowers-lecture"), tmp_path)


def test_a_bundle_that_does_not_say_how_it_was_trained_is_refused(
    tiny: Bundle, bundle: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=r"config > network' in bundle\.json is missing"):
        begun(tiny.folder, tmp_path)
    facts = json.loads((bundle.folder / MANIFEST).read_text())
    facts["training"]["config"]["data"]["resolution"] = "large"
    (bundle.folder / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(BundleError, match="'whole' does not say how it was trained"):
        begun(bundle.folder, tmp_path)


def test_an_old_name_of_an_option_in_a_bundle_means_what_it_did() -> None:
    bundle = read_bundle(find_bundle("birds"))
    stored = bundle.manifest.training.config
    assert stored is not None and stored["text"]["wording"] == 0.5
    assert starting_config.trained_config(bundle).text.conditioning_augmentation == 0.5


def test_a_damaged_discriminator_is_one_clear_line(bundle: Bundle, tmp_path: Path) -> None:
    file = bundle.folder / CRITIC_FILE
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(BundleError, match=f"{CRITIC_FILE} has .* bytes"):
        begun(bundle.folder, tmp_path)
    listed_as_it_is(bundle, CRITIC_FILE)
    with pytest.raises(BundleError, match="cannot be read as safetensors"):
        begun(bundle.folder, tmp_path)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A bundle with a text encoder of its own."""
    trained = load_trained(tiny_run(tmp_path, 2, config=RECIPE))
    export_run(trained, tmp_path / "foreign", "foreign", "1", ["a red flower"])
    shutil.rmtree(tmp_path / "words")
    shutil.rmtree(tmp_path / "runs")
    return tmp_path / "foreign"


def test_a_run_keeps_the_text_encoder_of_its_bundle_unless_it_is_the_projects_own(
    made: Path, foreign: Path, tmp_path: Path
) -> None:
    assert begun(made / "whole", tmp_path / "own").config().text.encoder == "small"
    run = begun(foreign, tmp_path / "other")
    assert run.config().text.encoder == str(run.path / "text_encoder" / "foreign")
    assert "encoder: text_encoder/foreign\n" in (run.path / "config.yaml").read_text()
    child = export_run(load_trained(run), tmp_path / "child", "child", "1", ["a red flower"])
    assert str(tmp_path) not in child.manifest.to_json()


@pytest.mark.filterwarnings("ignore::captiongan.PromptWarning")
def test_a_run_goes_on_and_draws_where_it_and_its_bundle_have_moved(
    foreign: Path, tmp_path: Path
) -> None:
    run, moved = tmp_path / "run", tmp_path / "moved"
    begin = partial(start, None, "toy:30", tmp_path, None, PLAN, False, bundle=str(foreign))
    assert begin(into=run)
    assert begin(into=run)  # the same command knows its run again
    foreign.rename(tmp_path / "away")
    run.rename(moved)
    assert start(None, None, tmp_path, moved, ["training.kimg=0.056"], dry_run=False)
    assert load_trained(RunFolder(moved)).checkpoint.step == 14
    assert len(Pipeline(bundle_of_run(moved)).generate("a red flower")) == 1


def test_a_run_without_checkpoints_says_where_its_bundle_was(foreign: Path, tmp_path: Path) -> None:
    run = begun(foreign, tmp_path / "runs")
    for saved in checkpoints(run.checkpoints):
        shutil.rmtree(saved.path)
    foreign.rename(tmp_path / "away")
    with pytest.raises(BundleError, match=f"'{foreign}', which is not there; bring it back"):
        start(None, None, tmp_path, run.path, [], dry_run=False)


def test_the_command_line_trains_from_a_bundle_and_draws_from_the_run(
    made: Path, tmp_path: Path
) -> None:
    sets = [part for override in PLAN for part in ("--set", override)]
    run, out = tmp_path / "mine", tmp_path / "out.png"
    begin = ["train", "--from", made / "whole", "--data", "toy:30", "--into", run]
    assert captiongan(*begin, *sets) == 0
    assert captiongan("generate", "a red flower", "--bundle", run, "-o", out) == 0
    assert read_metadata(out)["bundle"] == "mine"


def test_resume_has_its_own_start(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave out --config, --from and --into"):
        start(None, None, tmp_path, tmp_path, [], False, bundle=str(made / "whole"))


def test_a_dry_run_takes_the_weights_and_writes_nothing(made: Path, tmp_path: Path) -> None:
    start(None, "toy:30", tmp_path / "runs", None, PLAN, True, bundle=str(made / "whole"))
    assert not (tmp_path / "runs").exists()


# The recipe


def test_a_small_set_gets_its_recipe_which_a_file_and_set_change(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("training: {ema_halflife_kimg: 3}\n")
    config = starting_config.starting_config(
        str(made / "whole"), file, ["training.kimg=7"], "toy:30", print
    )
    assert config.training.batch_size == 16
    assert config.training.ema_halflife_kimg == 3
    assert config.training.kimg == 7
    assert config.scores.patience > 0
    said = capsys.readouterr().out
    assert "30 pictures: using the recipe for small sets (" in said
    assert "ema_halflife_kimg" not in said


def test_a_large_set_keeps_the_recipe_of_the_bundle(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting_config, "SMALL_SET", 30)
    config = starting_config.starting_config(str(made / "whole"), None, [], "toy:30", print)
    assert config.training.batch_size == 4
    assert config.scores.patience == 0


def test_an_option_that_does_not_exist_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(CaptionganError, match=r"training\.kimgs"):
        begun(made / "whole", tmp_path, "training.kimgs=3")
