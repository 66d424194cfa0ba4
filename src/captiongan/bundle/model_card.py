"""The model card of a bundle: what it draws, how to use it, and how it was trained."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from captiongan.bundle.languages import in_words
from captiongan.bundle.manifest import CRITIC_FILE, BundleManifest

TERMS = (
    "pixel_wise",
    "feature_matching",
    "interpolation",
    "mode_seeking",
    "contrastive",
    "species",
)
"""Options that weight a term of the loss."""


def model_card(
    manifest: BundleManifest, samples: int, has_critic: bool, starts_training: bool
) -> str:
    """Return the card of a new bundle as Markdown.

    Args:
        manifest: with all facts about the training but those of a style encoder or a ranker.
        samples: columns of `sample.png`, which has a row for each of `manifest.sample_prompts`.
        has_critic: whether the bundle holds its discriminator.
        starts_training: whether another training can start from it.
    """
    training, prompts = manifest.training, manifest.sample_prompts
    data, config = training.data, training.config
    assert data is not None and config is not None
    rows = "\n".join(f"{number}. {prompt}" for number, prompt in enumerate(prompts, start=1))
    return f"""# {manifest.name} {manifest.version}

Draws {manifest.resolution} x {manifest.resolution} pictures from \
{in_words(manifest.languages)} sentences.

![samples](sample.png)

Rows, top to bottom; {samples} pictures each, not picked. The seeds count on from row to row, from \
0 to {samples * len(prompts) - 1}:

{rows}

## Use

```
captiongan generate "{prompts[0]}" --bundle PATH_OF_THIS_FOLDER
```

## Training

| | |
|---|---|
| data | `{data.name}`: {data.pictures:,} pictures, {data.captions:,} captions, \
{data.classes} classes, {data.skipped} lines skipped |
| preset | `{config["name"]}` |
| start | {_start_in_words(config["training"])} |
| length | {training.kimg:,} kimg (thousand pictures shown), {training.steps:,} steps |
| facing | {_facing_in_words(manifest.mirror_by_seed)} |
| losses | {_losses_in_words(config["losses"])} |
| text encoder | {manifest.text_encoder} |
| discriminator | {_critic_in_words(has_critic, starts_training)} |
| captiongan | {manifest.captiongan} |

All options are in `bundle.json`. The generator is the running average (EMA) of the one trained.

## Limits

It draws what its data shows: whatever else a prompt asks for comes out as that same subject.
It hardly follows counts ("three petals") and most negations ("without spots"); a warning names
them. Pictures carry prompt, seed and software in their PNG metadata.
"""


def with_languages(card: str, languages: Sequence[str]) -> str:
    """Return a card that names the languages in its first sentence."""
    return re.sub(r"(?<=pictures from ).*?(?= sentences)", in_words(languages), card, count=1)


def _losses_in_words(losses: Mapping[str, Any]) -> str:
    """Name the discriminator's loss, the terms with a weight above 0, and the augmentation."""
    words = [f"`{losses['discriminator']}`"]
    weights = {name: losses.get(name, 0) for name in TERMS}
    words += [f"{name.replace('_', ' ')} x {value:g}" for name, value in weights.items() if value]
    if losses["augment"]:
        share = losses.get("augment_probability", 1)
        some = "" if share == 1 else f" of {share:.0%} of the pictures"
        words.append(f"DiffAugment ({', '.join(losses['augment'])}){some}")
    if losses.get("blur_kimg"):
        words.append(f"pictures blurred for {losses['blur_kimg']:g} kimg")
    if losses.get("text_fade_kimg"):
        words.append(f"text faded in over {losses['text_fade_kimg']:g} kimg")
    return ", ".join(words)


def _facing_in_words(mirror_by_seed: bool) -> str:
    """Say whether the training pictures were turned to face one way."""
    if mirror_by_seed:
        return "all pictures turned one way; one bit of a seed mirrors its picture"
    return "as in the data"


def _start_in_words(schedule: Mapping[str, Any]) -> str:
    """Say which bundle's weights the training started from, if any."""
    start = schedule.get("start")
    if start is None:
        return "from scratch"
    return f"from `{start['name']}` {start['version']} ({start['sha256'][:12]})"


def _critic_in_words(has_critic: bool, starts_training: bool) -> str:
    """Say whether the bundle holds the discriminator, and what for."""
    if not has_critic:
        return "left out"
    if not starts_training:
        return f"in `{CRITIC_FILE}`, not needed to draw"
    start = "`captiongan train --from PATH_OF_THIS_FOLDER --data FOLDER`"
    return f"in `{CRITIC_FILE}`, to start another training from this bundle: {start}"


def with_style_section(card: str, style: Mapping[str, Any]) -> str:
    """Return a card with a section on the style encoder, which replaces an earlier one.

    `style` is `training > style` of the manifest.
    """
    return f"""{_without_section(card, "Restyling")}

## Restyling

```
captiongan restyle YOUR_PICTURE "ANOTHER SENTENCE" --bundle PATH_OF_THIS_FOLDER
```

The style encoder learned from {style["kimg"]:,} kimg of the generator's own pictures, drawn of
{style["captions"]:,} captions ({", ".join(style["data"])}). From pictures it never saw, it reads
{100 * style["recovered"]:.0f} % of the noise's variance. captiongan {style["captiongan"]}.
"""


def with_ranking_section(card: str, ranker: Mapping[str, Any]) -> str:
    """Return a card with a section on the ranker, which replaces an earlier one.

    `ranker` is `training > ranker` of the manifest.
    """
    return f"""{_without_section(card, "Ranking")}

## Ranking

```
captiongan generate "A SENTENCE" --best-of 4 --bundle PATH_OF_THIS_FOLDER
```

The ranker learned from {ranker["pictures"]:,} real pictures ({ranker["data"]}) and as many that the
bundle drew of their captions; its teacher looked through {ranker["teacher"]}. On
{ranker["held_out"]:,} that it never saw its scores of drawn pictures correlate by
{ranker["correlation"]:.2f} with its teacher's; it finds the caption of a real one among 100 in
{100 * ranker["r_at_1"]:.0f} % of cases, its teacher in {100 * ranker["teacher_r_at_1"]:.0f} %.
captiongan {ranker["captiongan"]}.
"""


def with_student_section(card: str, student: Mapping[str, Any]) -> str:
    """Return a card with a section on the bundle that taught this one.

    `student` is `training > student` of the manifest.
    """
    teacher = student["teacher"]
    return f"""{_without_section(card, "Student")}

## Student

A smaller copy of `{teacher["name"]}` {teacher["version"]} (sha256 of its `bundle.json`:
{teacher["sha256"]}). `captiongan distill` trained it on {student["kimg"]:,} kimg of that bundle's
own pictures, drawn of {student["sentences"]:,} sentences, without photographs. The same sentence
and seed give a similar picture. "Training" above tells what data the teacher learned from.
captiongan {student["captiongan"]}.
"""


def _without_section(card: str, title: str) -> str:
    """Return a card without the section of that title, and without trailing white space."""
    section = rf"^## {title}\n.*?(?=^#{{1,2}} |\Z)"
    return re.sub(section, "", card, flags=re.DOTALL | re.MULTILINE).rstrip()
