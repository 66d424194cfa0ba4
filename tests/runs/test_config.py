import subprocess
import sys
from pathlib import Path
from typing import Any, TypeGuard

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from captiongan.errors import ConfigError
from captiongan.runs import config as config_module
from captiongan.runs.config import RunConfig
from captiongan.runs.load_config import find_config, load_config, presets
from captiongan.runs.options import (
    DataConfig,
    GeneratorConfig,
    LossConfig,
    StartConfig,
    TrainingConfig,
)

each_preset = pytest.mark.parametrize("preset", presets())


def load(folder: Path, text: str, *overrides: str, source: str | None = None) -> RunConfig:
    (folder / "run.yaml").write_text(text, encoding="utf-8")
    return load_config(folder / "run.yaml", overrides, source)


def refusal(folder: Path, text: str, *overrides: str, source: str | None = None) -> str:
    """Return the message of the error, which must be one line."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, *overrides, source=source)
    message = str(caught.value)
    assert "\n" not in message
    return message


def options(tree: dict[str, Any]) -> set[str]:
    """Name all options of a tree, `section.name`."""
    return {
        f"{section}.{name}"
        for section, values in tree.items()
        if isinstance(values, dict)
        for name in values
    }


@each_preset
def test_a_preset_loads_and_its_runs_are_named_after_it(preset: str) -> None:
    assert load_config(preset).name == preset


def test_the_lectures_preset_spells_out_every_option_but_what_the_command_line_sets() -> None:
    spelled_out = options(yaml.safe_load(find_config("dcgan").read_text(encoding="utf-8")))
    assert spelled_out == options(RunConfig().model_dump()) - {"data.source", "training.start"}


def test_without_a_file_every_value_is_the_lectures() -> None:
    assert load_config(None) == load_config("dcgan") == RunConfig()


def test_without_a_file_a_broken_rule_is_told_too() -> None:
    with pytest.raises(ConfigError, match=r"--set '.*=0': training\.kimg = 0: .* greater than 0"):
        load_config(None, ["training.kimg=0"])


def test_a_mistake_in_an_override_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("training: {batch_size: -1}")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "a.yaml", ["training.kimg=-3", "x.y=1", "generator.features=8"])
    told = str(caught.value)
    assert f"'{tmp_path / 'a.yaml'}': training.batch_size = -1" in told
    assert "--set 'training.kimg=-3': training.kimg = -3: " in told
    assert "--set 'x.y=1': x: unknown option" in told
    assert "features" not in told


def test_a_contradiction_is_blamed_on_the_override_that_brought_it_in() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("projected", ["training.kimg=3", "text.encoder=none"])
    assert str(caught.value).startswith("--set 'text.encoder=none': ")


def test_an_option_that_is_left_out_has_its_default(tmp_path: Path) -> None:
    config = load(tmp_path, "training: {kimg: 3}")
    assert config == RunConfig(training=TrainingConfig(kimg=3))


def test_overrides_replace_single_values_in_order(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "training: {kimg: 3, seed: 1}",
        "training.kimg=5",
        "training.kimg=7",
        "data.flip=false",
        "text.encoder=minilm",
        "optimiser.learning_rate=2e-5",
    )
    assert (config.training.kimg, config.training.seed) == (7, 1)
    assert config.data.flip is False
    assert config.text.encoder == "minilm"
    assert config.optimiser.learning_rate == 2e-5


def test_the_source_of_the_command_line_beats_the_files(tmp_path: Path) -> None:
    text = "data: {source: old, margin: 5}"
    assert load(tmp_path, text).data.source == "old"
    assert load(tmp_path, text, source="new").data == DataConfig(source="new", margin=5)


BROKEN = {
    "an unknown option": ("training: {epochs: 5}", ["training.epochs", "unknown option"]),
    "an unknown section": ("trainig: {kimg: 5}", ["trainig", "unknown option"]),
    "a value below its range": ("training: {kimg: 0}", ["training.kimg = 0", "greater than 0"]),
    "a value above its range": ("optimiser: {beta1: 1}", ["optimiser.beta1 = 1", "less than 1"]),
    "a negative weight": ("losses: {pixel_wise: -1}", ["losses.pixel_wise = -1", "equal to 0"]),
    "an odd resolution": ("data: {resolution: 48}", ["data.resolution = 48", "16, 32, 64, 128"]),
    "an unknown choice": ("training: {precision: fp8}", ["precision = 'fp8'", "'bf16-mixed'"]),
    "a word for a number": ("training: {batch_size: x}", ["batch_size = 'x'", "integer"]),
    "a fraction for a count": ("generator: {features: 1.5}", ["features = 1.5", "integer"]),
    "a number for a word": ("data: {source: 102}", ["data.source = 102", "string"]),
    "nothing for a number": ("training: {kimg: }", ["training.kimg = None", "number"]),
    "a value for a section": ("data: 5", ["data = 5", "dictionary"]),
    "a name for no folder": ("name: ../up", ["name = '../up'", "pattern"]),
    "a probability above one": (
        "losses: {augment_probability: 2}",
        ["losses.augment_probability = 2", "less than or equal to 1"],
    ),
    "an odd side": ("generator: {attention: 12}", ["generator.attention = 12", "16, 32"]),
    "an unknown change": ("losses: {augment: [flip]}", ["augment.0 = 'flip'", "'translation'"]),
    "not a number": ("training: {kimg: .nan}", ["training.kimg = nan", "Input should be"]),
}


@pytest.mark.parametrize(("text", "parts"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_told_in_one_line_with_field_value_and_rule(
    text: str, parts: list[str], tmp_path: Path
) -> None:
    message = refusal(tmp_path, text)
    assert "run.yaml" in message
    assert all(part in message for part in parts), message


CONTRADICTIONS = {
    "text for the first gan": (
        ["network=gan"],
        ["network = 'gan' with text.encoder = 'small'", "set text.encoder=none"],
    ),
    "reed without text": (
        ["network=reed", "text.encoder=none", "losses.discriminator=gan"],
        ["network = 'reed' needs text", "set network=dcgan"],
    ),
    "course without text": (
        ["network=course", "text.encoder=none", "losses.discriminator=gan"],
        ["network = 'course' needs text", "set network=dcgan"],
    ),
    "mismatching pairs without text": (
        ["text.encoder=none"],
        ["losses.discriminator = 'gan-cls' needs text", "set losses.discriminator=gan,"],
    ),
    "a sum without text": (
        ["text.encoder=none", "losses.discriminator=gan-cls-sum"],
        ["losses.discriminator = 'gan-cls-sum' needs text"],
    ),
    "interpolation without text": (
        ["text.encoder=none", "losses.discriminator=gan", "losses.interpolation=0.5"],
        ["losses.interpolation = 0.5 needs text", "set losses.interpolation=0,"],
    ),
    "a permuted batch without text": (
        ["text.encoder=none", "losses.discriminator=gan", "data.mismatching=batch"],
        ["data.mismatching = 'batch' needs text", "set data.mismatching=class"],
    ),
    "hinges without text": (
        ["text.encoder=none", "losses.discriminator=hinge-cls"],
        ["losses.discriminator = 'hinge-cls' needs text", "set losses.discriminator=gan,"],
    ),
    "a search for texts without text": (
        ["text.encoder=none", "losses.discriminator=gan", "losses.contrastive=1"],
        ["losses.contrastive = 1.0 needs text", "set losses.contrastive=0,"],
    ),
    "noise on no text": (
        ["text.encoder=none", "losses.discriminator=gan", "text.noise=0.5"],
        ["text.noise = 0.5 needs text", "set text.noise=0,"],
    ),
    "conditioning augmentation without text": (
        [
            "network=fusion",
            "text.encoder=none",
            "losses.discriminator=gan",
            "text.conditioning_augmentation=0.5",
        ],
        [
            "text.conditioning_augmentation = 0.5 needs text",
            "set text.conditioning_augmentation=0,",
        ],
    ),
    "a z that does not move texts": (
        ["network=dcgan", "text.conditioning_augmentation=0.5"],
        [
            "text.conditioning_augmentation = 0.5 with network = 'dcgan'",
            "set text.conditioning_augmentation=0",
            "fusion or projected",
        ],
    ),
    "self-attention where there is none": (
        ["generator.attention=16"],
        [
            "generator.attention = 16 with network = 'dcgan'",
            "set generator.attention=0, or choose fusion or projected",
        ],
    ),
    "self-attention beyond the picture": (
        ["network=fusion", "data.resolution=16", "generator.attention=32"],
        ["generator.attention = 32: must be at most data.resolution = 16", "attention=8"],
    ),
    "self-attention in the block that shuffling replaces": (
        ["network=fusion", "generator.attention=64", "generator.shuffle=true"],
        ["must be at most half of data.resolution = 32", "attention=32"],
    ),
    "the mean of a single caption": (
        ["text.captions=first", "text.averaged=4"],
        ["text.averaged = 4 with text.captions = 'first'", "set text.averaged=1"],
    ),
    "conditioning augmentation by a single caption": (
        ["network=fusion", "text.captions=first", "text.conditioning_augmentation=0.5"],
        [
            "text.conditioning_augmentation = 0.5 with text.captions = 'first'",
            "set text.conditioning_augmentation=0",
        ],
    ),
    "a probability of no changes": (
        ["losses.augment_probability=0.4"],
        [
            "losses.augment_probability = 0.4 with losses.augment = []",
            "set losses.augment=[translation], or losses.augment_probability=1",
        ],
    ),
    "classes that no head tells": (
        ["losses.species=1"],
        [
            "losses.species = 1 with network = 'dcgan'",
            "set losses.species=0, or choose fusion or projected",
        ],
    ),
    "a text that fades in without text": (
        ["text.encoder=none", "losses.discriminator=gan", "losses.text_fade_kimg=9"],
        ["losses.text_fade_kimg = 9.0 needs text", "set losses.text_fade_kimg=0,"],
    ),
    "a text that fades in for no term": (
        ["losses.discriminator=gan", "losses.text_fade_kimg=9"],
        [
            "losses.text_fade_kimg = 9 with losses.discriminator = 'gan'",
            "set losses.text_fade_kimg=0, or losses.discriminator=gan-cls",
        ],
    ),
    "scores by what the discriminator looks through": (
        ["network=projected"],
        [
            "scores.extractor = 'lite0' with network = 'projected'",
            "set scores.extractor=lite2",
            "or scores.every_kimg=0",
        ],
    ),
    "a closer look by a network that takes pictures as they are": (
        ["network=fusion", "discriminator.look=[160]"],
        ["discriminator.look = [160] with network = 'fusion'", "set discriminator.look=[]"],
    ),
    "a second discriminator without a frozen one": (
        ["network=fusion", "discriminator.beside=true"],
        ["discriminator.beside = true with network = 'fusion'", "set discriminator.beside=false"],
    ),
    "a look at less than the picture": (
        [
            *("network=projected", "scores.every_kimg=0"),
            *("data.resolution=128", "discriminator.look=[96,160]"),
        ],
        ["discriminator.look = [96, 160] with data.resolution = 128", "sides of at least 128"],
    ),
    "scores by what chose the pictures": (
        ["data.typical_share=0.8"],
        [
            "scores.extractor = 'lite0' with data.typical_share = 0.8: it chooses the pictures",
            "set scores.extractor=lite2",
        ],
    ),
    "the course at another size": (
        ["network=course", "data.resolution=32"],
        ["data.resolution = 32: must be 64", "set data.resolution=64"],
    ),
    "the course with odd widths": (
        ["network=course", "generator.features=6", "discriminator.features=9"],
        ["generator.features = 6: must be a multiple of 4", "discriminator.features = 9"],
    ),
}


@pytest.mark.parametrize(("overrides", "parts"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_options_that_cannot_go_together_are_told_with_both_and_the_remedy(
    overrides: list[str], parts: list[str], tmp_path: Path
) -> None:
    message = refusal(tmp_path, "{}", *overrides)
    assert message.startswith("--set '")
    assert all(part in message for part in parts), message
    assert len(message) < 400


@pytest.mark.parametrize(
    "overrides",
    [
        ["network=reed"],
        ["network=course"],
        ["network=gan", "text.encoder=none", "losses.discriminator=gan"],
        ["text.encoder=none", "losses.discriminator=gan"],
        ["losses.discriminator=gan"],
        ["network=fusion", "text.conditioning_augmentation=0.5", "losses.discriminator=hinge-cls"],
        ["network=projected", "scores.extractor=lite2", "text.conditioning_augmentation=0.5"],
        ["network=projected", "scores.every_kimg=0", "losses.augment=[translation, cutout]"],
        ["network=projected", "scores.every_kimg=0", "discriminator.look=[96, 224]"],
        ["network=fusion", "text.encoder=none", "losses.discriminator=gan"],
        [
            *("network=projected", "text.encoder=none", "losses.discriminator=gan"),
            "scores.extractor=inception",
        ],
    ],
)
def test_options_that_go_together_are_taken(overrides: list[str], tmp_path: Path) -> None:
    load(tmp_path, "{}", *overrides)


@pytest.mark.parametrize(
    ("overrides", "extractors"),
    [
        ([], ("lite0",)),
        (["scores.every_kimg=0"], ()),
        (["scores.extractor=lite1"], ("lite1",)),
        (["scores.extractor=lite2"], ("lite2",)),
        (["network=fusion", "scores.every_kimg=0"], ()),
        (["network=projected", "scores.every_kimg=0"], ("lite0",)),
        (["data.typical_share=0.5", "scores.extractor=lite2"], ("lite0", "lite2")),
        (["network=projected", "scores.extractor=lite2"], ("lite0", "lite2")),
    ],
)
def test_networks_that_chose_the_checkpoint_or_taught_the_generator_are_named(
    overrides: list[str], extractors: tuple[str, ...], tmp_path: Path
) -> None:
    assert load(tmp_path, "{}", *overrides).extractors == extractors


def test_a_run_folders_configuration_of_before_these_options_means_what_it_meant(
    tmp_path: Path,
) -> None:
    newer = {
        "data": ["squash", "mismatching", "typical_share"],
        "text": ["captions", "averaged", "noise", "conditioning_augmentation"],
        "generator": ["attention", "shuffle"],
        "losses": [
            *("discriminator", "interpolation", "mode_seeking", "contrastive", "augment"),
            *("augment_probability", "blur_kimg", "blur_sigma", "text_fade_kimg"),
            *("species", "r1", "r2"),
        ],
        "optimiser": ["halve_every_kimg", "discriminator_learning_rate"],
    }
    tree = RunConfig().model_dump()
    del tree["network"]
    for section, names in newer.items():
        for name in names:
            del tree[section][name]
    assert load(tmp_path, yaml.safe_dump(tree)) == RunConfig()


@each_preset
def test_lite1_is_free_to_report_on_what_a_preset_trains(preset: str) -> None:
    config = load_config(preset)
    assert "lite1" not in config.extractors
    if config.network == "projected":
        assert config.extractors == ("lite0", "lite2")


@each_preset
def test_a_preset_is_short_and_begins_with_its_slide_or_what_it_is_instead(preset: str) -> None:
    lines = find_config(preset).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    comment = " ".join(lines[: next(n for n, line in enumerate(lines) if line[0] != "#")])
    instead = {"toy": "toy", "projected": "docs/recipe.md"}
    instead |= {"projected-128": "projected.yaml", "fusion": "projected.yaml", "r3gan": "R3GAN"}
    assert instead.get(preset, "lide") in comment


def test_the_final_system_has_two_names() -> None:
    final = load_config("gan-cls-l1-fm")
    assert final == RunConfig(name="gan-cls-l1-fm")


def test_the_course_is_the_exercises_own_solution() -> None:
    course = load_config("course")
    assert course.model_dump(exclude={"scores"}) == {
        "name": "course",
        "network": "course",
        "data": {
            "source": "",
            "resolution": 64,
            "margin": 0,
            "flip": False,
            "facing": False,
            "squash": True,
            "mismatching": "batch",
            "typical_share": 1,
        },
        "text": RunConfig().text.model_dump() | {"encoder": "minilm", "captions": "first"},
        "generator": RunConfig().generator.model_dump() | {"features": 128, "projected_dim": 256},
        "discriminator": {
            "features": 128,
            "projected_dim": 256,
            "look": (),
            "beside": False,
            "bf16": False,
        },
        "losses": RunConfig().losses.model_dump() | {"discriminator": "gan-cls-sum"},
        "optimiser": RunConfig().optimiser.model_dump(),
        "training": RunConfig().training.model_dump()
        | {"kimg": 50 * 7.370, "batch_size": 64, "precision": "32-true"},
    }


def test_all_broken_rules_are_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, "training: {kimg: 0, seed: -1}\nfoo: 1")
    assert all(field in message for field in ("training.kimg", "training.seed", "foo"))


@pytest.mark.parametrize("override", ["training", "=4", "training.=4", ""])
def test_an_override_that_is_no_assignment_is_refused_with_an_example(
    override: str, tmp_path: Path
) -> None:
    message = refusal(tmp_path, "{}", override)
    assert f"--set '{override}' must look like training.kimg=400" in message


def test_an_override_below_a_value_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, "training: {kimg: 4}", "training.kimg.low=4")
    assert "'kimg' is a value, not a section" in message


def test_an_override_of_an_unknown_option_or_a_wrong_value_is_refused(tmp_path: Path) -> None:
    assert "training.epochs: unknown option" in refusal(tmp_path, "{}", "training.epochs=4")
    assert "training.kimg = 'long'" in refusal(tmp_path, "{}", "training.kimg=long")


@pytest.mark.parametrize("text", ["[", "a: b: c", "a: \0", "'"])
def test_a_file_that_is_not_yaml_is_refused(text: str, tmp_path: Path) -> None:
    assert "is not YAML" in refusal(tmp_path, text)


def nested(values: str, more: str) -> str:
    """Write YAML in which each value holds the one before nine times."""
    lines = [f"a0: &a0 {values}"]
    for number in range(1, 9):
        inner = ", ".join([f"*a{number - 1}"] * 9)
        lines.append(f"a{number}: &a{number} {more.format(inner)}")
    return "\n".join([*lines, "network: *a8"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (nested("[x]", "[{}]"), "network = [[[...], "),
        (nested("{x: 1, y: 2}", "{{<<: [{}]}}"), "a mapping has more than 1,000 keys"),
        (f"network: 0x{'f' * 9000}", "network = a huge number"),
        (f"# {' ' * 2**16}\nnetwork: dcgan", "is above 65,536 bytes"),
    ],
)
def test_a_file_that_says_almost_endless_things_is_refused_in_few_words(
    text: str, told: str, tmp_path: Path
) -> None:
    message = refusal(tmp_path, text)
    assert told in message and len(message) < 2000


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(tmp_path / "run.yaml")


@pytest.mark.parametrize("text", ["", "- a\n- b", "word", "5"])
def test_a_file_without_a_tree_is_refused_with_an_example(text: str, tmp_path: Path) -> None:
    assert "must hold a tree such as `training: {kimg: 400}`" in refusal(tmp_path, text)


def test_what_is_neither_a_preset_nor_a_file_is_refused_with_the_names_of_presets(
    tmp_path: Path,
) -> None:
    listed = r"cannot be read \(.+\); name a YAML file, or a preset: course, dcgan, .+, toy$"
    for config in (tmp_path / "none.yaml", tmp_path, "protected", Path("toy"), "./toy"):
        with pytest.raises(ConfigError, match=listed):
            load_config(config)


def test_a_preset_goes_before_a_file_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy").write_text("name: mine", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_config("toy").name == "toy"
    assert load_config("./toy").name == "mine"


def test_where_presets_used_to_be_they_are_still_found_unless_there_is_such_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for config in ("configs/toy.yaml", Path("configs/toy.yaml")):
        with pytest.warns(DeprecationWarning, match=r"'configs.toy.yaml' is .+: --config toy$"):
            assert load_config(config) == load_config("toy")
    for other in ("configs/none.yaml", "old/configs/toy.yaml", "../configs/toy.yaml"):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_config(other)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "toy.yaml").write_text("name: mine", encoding="utf-8")
    assert load_config("configs/toy.yaml").name == "mine"


def test_the_old_name_of_conditioning_augmentation_still_works(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("network: fusion\ntext: {wording: 0.25}", encoding="utf-8")
    warned = "text.wording is now called text.conditioning_augmentation"
    with pytest.warns(DeprecationWarning, match=warned) as warnings:
        assert load_config(mine).text.conditioning_augmentation == 0.25
    with pytest.warns(DeprecationWarning, match=warned) as others:
        overridden = load_config("fusion", ["text.wording=2"])
    assert overridden.text.conditioning_augmentation == 2
    assert {each.filename for each in (*warnings, *others)} == {__file__}


def test_both_names_of_an_option_in_a_file_are_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("text: {wording: 0.25, conditioning_augmentation: 1}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"text\.wording: unknown option"):
        load_config(mine)


def test_a_fault_in_a_presets_override_names_the_override() -> None:
    with pytest.raises(ConfigError, match=r"^--set 'training.kimg=0': training\.kimg = 0"):
        load_config("toy", ["training.kimg=0"])


def test_every_option_says_what_it_means() -> None:
    sections: list[type[BaseModel]] = [RunConfig, StartConfig]
    sections += (type(section) for _, section in RunConfig() if is_section(section))
    for section in sections:
        for name, field in section.model_fields.items():
            said = is_section(field.default) or field.description
            assert said, f"{section.__name__}.{name}"


def is_section(value: object) -> TypeGuard[BaseModel]:
    return isinstance(value, BaseModel)


def test_configurations_need_no_pytorch() -> None:
    program = "import sys; sys.modules['torch'] = None\n"
    program += "from captiongan.runs.load_config import load_config\nload_config('projected')"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_load_config_is_found_where_it_used_to_be() -> None:
    with pytest.warns(DeprecationWarning, match="moved to captiongan.runs.load_config"):
        assert config_module.__getattr__("load_config") is load_config


@pytest.mark.parametrize("override", ["training.kimg=[1", "training.kimg=2024-13-45"])
def test_an_override_whose_value_is_not_yaml_is_refused(override: str, tmp_path: Path) -> None:
    assert f"--set '{override}'" in refusal(tmp_path, "{}", override)


def test_a_file_with_an_impossible_date_is_refused(tmp_path: Path) -> None:
    assert "is not YAML" in refusal(tmp_path, "name: 2024-13-45")


@pytest.mark.parametrize("text", ["data: 5", "data: [1]"])
def test_a_data_section_that_is_none_is_refused_with_a_source_too(
    text: str, tmp_path: Path
) -> None:
    assert "data" in refusal(tmp_path, text, source="toy")


def test_an_empty_section_has_its_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "data:\ntraining:\n") == RunConfig()


def test_an_endless_run_is_refused(tmp_path: Path) -> None:
    assert "training.kimg = inf" in refusal(tmp_path, "training: {kimg: .inf}")


CONFIGS = st.builds(
    RunConfig,
    name=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True),
    data=st.builds(
        DataConfig,
        source=st.text(st.characters(codec="utf-8")),
        resolution=st.sampled_from([16, 32, 64, 128, 256]),
        margin=st.integers(0, 99),
        flip=st.booleans(),
        facing=st.booleans(),
    ),
    generator=st.builds(GeneratorConfig, features=st.integers(1, 512)),
    losses=st.builds(
        LossConfig,
        pixel_wise=st.floats(0, 1e6),
        augment=st.lists(st.sampled_from(["colour", "translation", "cutout"])).map(tuple),
    ),
    training=st.builds(
        TrainingConfig,
        kimg=st.floats(0, 1e7, exclude_min=True),
        seed=st.integers(0, 2**32 - 1),
        precision=st.sampled_from(["auto", "32-true", "bf16-mixed"]),
    ),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(CONFIGS)
def test_a_tree_written_as_yaml_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, config: RunConfig
) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert load(folder, config.to_yaml()) == config


def test_steps_and_thousands_of_pictures_are_the_same_length_in_two_units() -> None:
    plan = TrainingConfig(batch_size=8)
    assert [plan.steps(kimg) for kimg in (0.08, 0.083, 0.085, 0.0)] == [10, 10, 11, 1]
    assert [plan.kimg_after(step) for step in (0, 10)] == [0.0, 0.08]
