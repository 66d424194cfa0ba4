import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from captiongan.bundle.text_encoder import EncoderIdentity
from captiongan.errors import RunError
from captiongan.runs.checkpoint import (
    checkpoints,
    forget_checkpoints_after,
    latest_checkpoint,
    load_checkpoint,
    save_checkpoint,
    sealed,
)
from captiongan.runs.config import RunConfig
from captiongan.runs.load_trained import load_trained
from captiongan.runs.options import GeneratorConfig
from captiongan.runs.run_folder import RunFolder
from captiongan.training.state import TrainState
from captiongan.training.trainer import Trainer
from support.no_plain_files import NO_PLAIN_FILES, link
from support.tiny_run import (
    CONFIG,
    EMBEDDING_DIM,
    RECIPE,
    StubEncoder,
    copied,
    equal,
    tiny_run,
    tiny_state,
    tiny_trainer,
)

ENCODER = StubEncoder().identity


def take_steps(trainer: Trainer, count: int) -> None:
    for _ in range(count):
        trainer.take_step()


def trained(steps: int = 2) -> TrainState:
    trainer = tiny_trainer()
    take_steps(trainer, steps)
    return trainer.state


def moments(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{number}.{name}": moment.clone()
        for number, of_weight in optimiser.state_dict()["state"].items()
        for name, moment in of_weight.items()
    }


def assert_same_state(one: TrainState, other: TrainState) -> None:
    assert one.step == other.step
    assert equal(one.generator.state_dict(), other.generator.state_dict())
    assert equal(one.discriminator.state_dict(), other.discriminator.state_dict())
    assert equal(one.ema.state_dict(), other.ema.state_dict())
    assert equal(moments(one.generator_optimiser), moments(other.generator_optimiser))
    assert equal(moments(one.discriminator_optimiser), moments(other.discriminator_optimiser))


def save_at(state: TrainState, folder: Path, *steps: int, keep: int = 9) -> None:
    for step in steps:
        state.step = step
        save_checkpoint(state, ENCODER, folder, keep)


def test_loading_restores_weights_average_moments_and_step_to_the_last_bit(tmp_path: Path) -> None:
    state, fresh = trained(3), tiny_state()
    assert not equal(state.ema.state_dict(), state.generator.state_dict())
    saved = save_checkpoint(state, ENCODER, tmp_path, keep=2)
    load_checkpoint(saved, fresh, ENCODER)
    assert_same_state(state, fresh)
    assert len(moments(fresh.generator_optimiser)) > 0
    assert equal(saved.tensors("average"), state.ema.state_dict())


def test_saving_changes_nothing_in_the_game(tmp_path: Path) -> None:
    state = trained()
    save_checkpoint(state, ENCODER, tmp_path, keep=2)
    assert_same_state(state, trained())


@pytest.mark.parametrize("config", [CONFIG, RECIPE], ids=["lecture", "recipe"])
@pytest.mark.parametrize(("before", "after"), [(1, 3), (4, 2)])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    before: int, after: int, config: RunConfig, tmp_path: Path
) -> None:
    uninterrupted, stopped, resumed = (tiny_trainer(config) for _ in range(3))
    take_steps(uninterrupted, before + after)
    take_steps(stopped, before)
    save_checkpoint(stopped.state, ENCODER, tmp_path, keep=2)
    load_checkpoint(latest_checkpoint(tmp_path), resumed.state, ENCODER)
    torch.rand(3)  # what a process has drawn before does not count
    take_steps(resumed, after)
    assert_same_state(uninterrupted.state, resumed.state)


def test_what_is_drawn_at_random_within_a_step_follows_from_its_number_and_the_seed() -> None:
    def drawn(seed: int, step: int) -> int:
        training = RECIPE.training.model_copy(update={"seed": seed})
        trainer = tiny_trainer(RECIPE.model_copy(update={"training": training}))
        trainer.begin_step(step)
        return torch.initial_seed()

    assert drawn(0, 1) == drawn(0, 1)
    assert len({drawn(seed, step) for seed in range(3) for step in range(3)}) == 9


def test_a_resumed_run_keeps_the_directions_it_began_with(tmp_path: Path) -> None:
    """Whatever its data says now, as directions may come out with other signs elsewhere."""
    began = tiny_trainer(RECIPE)
    save_checkpoint(began.state, ENCODER, tmp_path, keep=1)
    resumed = tiny_state(RECIPE, directions=torch.ones(EMBEDDING_DIM, 2))
    load_checkpoint(latest_checkpoint(tmp_path), resumed, ENCODER)
    wording = began.state.ema.get_buffer("wording")
    assert wording.any()
    for network in (resumed.generator, resumed.ema):
        assert torch.equal(network.get_buffer("wording"), wording)


def test_restored_weights_and_moments_lie_in_memory_as_those_of_a_run_do(tmp_path: Path) -> None:
    state, fresh = trained(), tiny_state()
    load_checkpoint(save_checkpoint(state, ENCODER, tmp_path, keep=1), fresh, ENCODER)
    for optimiser in (fresh.generator_optimiser, fresh.discriminator_optimiser):
        for weight, moments in optimiser.state.items():
            assert moments["exp_avg"].stride() == weight.stride()
            assert moments["exp_avg_sq"].stride() == weight.stride()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    save_at(tiny_state(), tmp_path, 1, 2, 3, 10, keep=2)
    assert [saved.step for saved in checkpoints(tmp_path)] == [3, 10]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000003", "step-000000010"]


def test_a_step_that_is_saved_already_is_not_touched_again(tmp_path: Path) -> None:
    state = trained(2)
    save_at(state, tmp_path, 5)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    save_at(state, tmp_path, 5)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_file_that_the_manifest_does_not_name_makes_a_checkpoint_incomplete(
    tmp_path: Path,
) -> None:
    save_at(tiny_state(), tmp_path, 5)
    manifest = tmp_path / "step-000000005" / "manifest.json"
    facts = json.loads(manifest.read_text())
    damaged: list[object] = [{}, [], {**facts["files"], "average.safetensors": None}]
    for files in damaged:
        manifest.write_bytes(sealed(facts | {"files": files}))
        with pytest.warns(UserWarning, match="ignored"):
            assert checkpoints(tmp_path) == []


def test_what_a_kill_left_half_written_does_not_count_and_is_written_over(tmp_path: Path) -> None:
    half = tmp_path / ".step-000000007-0123abcd"
    half.mkdir()
    (half / "generator.safetensors").write_bytes(b"half")
    assert checkpoints(tmp_path) == []
    save_at(tiny_state(), tmp_path, 7)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000007"]


class Killed(BaseException):
    """In the place of a signal that nothing can catch."""


def killed_within(folder: Path, ignore_errors: bool = False) -> None:
    """Delete the first file of a folder, and no more."""
    if folder.exists() or not ignore_errors:
        next(folder.iterdir()).unlink()
        raise Killed


@pytest.mark.parametrize("way", ["saving", "going back"])
def test_a_kill_while_an_old_checkpoint_is_removed_leaves_nothing_that_the_next_save_does_not_clear(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_at(tiny_state(), tmp_path, 1, 2)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("captiongan.base.files.shutil.rmtree", killed_within)
        if way == "saving":
            save_at(tiny_state(), tmp_path, 3, keep=2)
        else:
            forget_checkpoints_after(tmp_path, step=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        left = [saved.step for saved in checkpoints(tmp_path)]
        assert left == ([2, 3] if way == "saving" else [1])
        save_at(tiny_state(), tmp_path, 4)
    assert {path.name for path in tmp_path.iterdir()} == {f"step-{n:09d}" for n in (*left, 4)}


def test_what_looks_like_a_checkpoint_that_was_never_removed_stays(tmp_path: Path) -> None:
    mine = [tmp_path / name for name in (".step-my-own", ".step-000000001-abcdefgh", "notes")]
    for path in mine:
        path.mkdir()
    save_at(tiny_state(), tmp_path, 1)
    assert all(path.is_dir() for path in mine)


def test_a_damaged_checkpoint_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    for damage in (cut_short, become_a_file):
        save_at(tiny_state(), tmp_path, 5)
        damage(tmp_path / "step-000000005")
        with pytest.warns(UserWarning, match="ignored"):
            save_at(tiny_state(), tmp_path, 5)
        assert [saved.step for saved in checkpoints(tmp_path)] == [5]


def cut_short(path: Path) -> None:
    file = path / "discriminator.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    file = path / "generator_optimiser.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def drop_a_file(path: Path) -> None:
    (path / "average.safetensors").unlink()


def drop_the_manifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def cut_the_manifest(path: Path) -> None:
    file = path / "manifest.json"
    file.write_text(file.read_text()[:40])


def empty_the_manifest(path: Path) -> None:
    (path / "manifest.json").write_text("{}")


def become_a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.touch()


DAMAGES = [
    cut_short,
    flip_a_bit,
    drop_a_file,
    drop_the_manifest,
    cut_the_manifest,
    empty_the_manifest,
    become_a_file,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    save_at(tiny_state(), tmp_path, 1, 2)
    damage(tmp_path / "step-000000002")
    with pytest.warns(UserWarning, match=r"step-000000002.*; it is ignored"):
        assert latest_checkpoint(tmp_path).step == 1


def test_a_sound_folder_is_read_without_warnings(tmp_path: Path) -> None:
    save_at(tiny_state(), tmp_path, 1, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert latest_checkpoint(tmp_path).step == 2


def test_a_folder_without_a_complete_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no complete checkpoint; start a new run"):
        latest_checkpoint(tmp_path)


def test_an_encoder_that_only_changed_its_name_is_the_same(tmp_path: Path) -> None:
    saved = save_checkpoint(trained(), ENCODER, tmp_path, keep=1)
    load_checkpoint(saved, tiny_state(), EncoderIdentity("moved", ENCODER.sha256))


def test_a_checkpoint_of_another_encoder_is_refused_with_both_names(tmp_path: Path) -> None:
    other = EncoderIdentity("stub", "cd" * 32)
    saved = save_checkpoint(trained(), ENCODER, tmp_path, keep=1)
    state = tiny_state()
    before = copied(state.generator.state_dict())
    with pytest.raises(RunError) as caught:
        load_checkpoint(saved, state, other)
    assert str(ENCODER) in str(caught.value)
    assert str(other) in str(caught.value)
    assert equal(before, state.generator.state_dict())


def test_networks_of_another_size_are_refused_in_one_line(tmp_path: Path) -> None:
    saved = save_checkpoint(trained(), ENCODER, tmp_path, keep=1)
    larger = CONFIG.model_copy(update={"generator": GeneratorConfig(features=3)})
    with pytest.raises(RunError, match="does not fit the configured networks") as caught:
        load_checkpoint(saved, tiny_state(larger), ENCODER)
    assert "\n" not in str(caught.value)


def test_no_bit_of_a_manifest_can_change_unnoticed(tmp_path: Path) -> None:
    save_at(tiny_state(), tmp_path, 5)
    (before,) = checkpoints(tmp_path)
    file = before.path / "manifest.json"
    content = file.read_bytes()
    refused = 0
    for place in range(8 * len(content)):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        file.write_bytes(changed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert checkpoints(tmp_path) == [before]  # no more than white space
        except (UserWarning, RunError):
            refused += 1
    assert refused > 7 * len(content)


HOSTILE_STEPS = [-1, True, 5.0, "5", None, [], {}, 10**30, 6]


@pytest.mark.parametrize("changes", [{"step": step} for step in HOSTILE_STEPS])
def test_a_manifest_of_another_step_than_its_folder_does_not_count(
    changes: dict[str, object], tmp_path: Path
) -> None:
    """Even if its sha256 is right."""
    save_at(tiny_state(), tmp_path, 5)
    pass_over(tmp_path, changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"/dev/zero": "0" * 64}},
        {"files": []},
        {"text_encoder": {"name": 1, "sha256": 2}},
        {"text_encoder": []},
        {"schema": "two"},
    ],
)
def test_a_manifest_of_wrong_types_does_not_count(
    changes: dict[str, object], tmp_path: Path
) -> None:
    save_at(tiny_state(), tmp_path, 5)
    pass_over(tmp_path, changes)


def pass_over(folder: Path, changes: dict[str, object]) -> None:
    manifest = folder / "step-000000005" / "manifest.json"
    manifest.write_bytes(sealed(json.loads(manifest.read_text()) | changes))
    with pytest.warns(UserWarning, match="it is ignored"):
        assert checkpoints(folder) == []


def test_a_manifest_that_nests_deep_does_not_count(tmp_path: Path) -> None:
    save_at(tiny_state(), tmp_path, 5)
    (tmp_path / "step-000000005" / "manifest.json").write_text("[" * 100_000)
    with pytest.warns(UserWarning, match="it is ignored"):
        assert checkpoints(tmp_path) == []


def go_on(run: RunFolder) -> None:
    tiny_trainer().go_back_to(latest_checkpoint(run.checkpoints), run)


def test_a_checkpoint_of_another_run_is_neither_drawn_from_nor_gone_on_from(tmp_path: Path) -> None:
    training = CONFIG.training.model_copy(update={"seed": 1})
    for root in ("own", "other"):
        (tmp_path / root).mkdir()
    own = tiny_run(tmp_path / "own", 2)
    other = tiny_run(
        tmp_path / "other", 2, 4, config=CONFIG.model_copy(update={"training": training})
    )
    assert own.identity != other.identity
    name = "step-000000004"
    shutil.copytree(other.checkpoints / name, own.checkpoints / name)
    for use in (load_trained, go_on):
        with pytest.raises(RunError, match=r"step-000000004' is a checkpoint of another run; rem"):
            use(own)
    trainer = tiny_trainer()
    trainer.state.step = 4
    trainer.save(own)
    assert {saved.run for saved in checkpoints(own.checkpoints)} == {own.identity}


def test_a_run_of_before_they_had_names_keeps_its_checkpoints(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 2)
    facts = run.data_facts()
    del facts["run"]
    run.write_data_facts(facts)
    assert RunFolder(run.path).identity == ""
    assert load_trained(RunFolder(run.path)).checkpoint.step == 2


def test_a_checkpoint_holds_nothing_that_can_run_code(tmp_path: Path) -> None:
    saved = save_checkpoint(trained(), ENCODER, tmp_path, keep=1)
    files = sorted(saved.path.iterdir())
    assert [file.name for file in files] == [
        "average.safetensors",
        "discriminator.safetensors",
        "discriminator_optimiser.safetensors",
        "generator.safetensors",
        "generator_optimiser.safetensors",
        "manifest.json",
    ]
    for file in files[:-1]:
        content = file.read_bytes()
        header = content[8 : 8 + int.from_bytes(content[:8], "little")]
        assert isinstance(json.loads(header), dict)


def test_the_manifest_tells_step_encoder_and_the_sha256_of_every_file(tmp_path: Path) -> None:
    saved = save_checkpoint(trained(2), ENCODER, tmp_path, keep=1)
    manifest = json.loads((saved.path / "manifest.json").read_text())
    assert manifest["step"] == saved.step == 2
    assert EncoderIdentity(**manifest["text_encoder"]) == saved.encoder == ENCODER
    assert manifest["files"].keys() == {file.name for file in saved.path.glob("*.safetensors")}


@pytest.mark.parametrize("name", ["manifest.json", "average.safetensors"])
@pytest.mark.parametrize("make", NO_PLAIN_FILES)
def test_a_checkpoint_of_anything_but_plain_files_does_not_count(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    saved = save_checkpoint(trained(), ENCODER, tmp_path, keep=2)
    make(saved.path / name)
    with pytest.warns(UserWarning, match=r"it (is|has) .*; it is ignored"):
        assert checkpoints(tmp_path) == []


def test_a_checkpoint_names_no_file_elsewhere(tmp_path: Path) -> None:
    saved = save_checkpoint(trained(), ENCODER, tmp_path, keep=2)
    manifest = json.loads((saved.path / "manifest.json").read_text())
    for name in ("/dev/zero", "../../private", "a\0b"):
        changed = manifest | {"files": manifest["files"] | {name: "ab" * 32}}
        (saved.path / "manifest.json").write_bytes(sealed(changed))
        with pytest.warns(UserWarning, match="it is ignored"):
            assert checkpoints(tmp_path) == []


def test_a_file_that_is_swapped_for_a_link_is_not_loaded(tmp_path: Path) -> None:
    saved = save_checkpoint(trained(), ENCODER, tmp_path, keep=2)
    link(saved.path / "average.safetensors")
    with pytest.raises(RunError, match=r"cannot be read \(it is a link"):
        saved.tensors("average")


def test_a_part_that_holds_no_tensors_is_refused_in_words(tmp_path: Path) -> None:
    saved = save_checkpoint(trained(), ENCODER, tmp_path, keep=2)
    four_bits = b'{"weight":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}'
    for content in (b"hello", len(four_bits).to_bytes(8, "little") + four_bits + b"\0"):
        (saved.path / "average.safetensors").write_bytes(content)
        with pytest.raises(RunError, match=r"cannot be read \(.+ in average\.safetensors\)"):
            saved.tensors("average")
