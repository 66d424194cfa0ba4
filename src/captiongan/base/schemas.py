"""Migrations: files of earlier versions keep their meaning, those of later versions are refused.

A bundle's manifest, a checkpoint's manifest and a run's configuration each have a `schema`, a whole
number. A change that the current reader would misread raises it, and adds a migration here: a
function that turns facts of one schema into the same facts in the next.
"""

import re
import reprlib
from collections.abc import Callable, Mapping, Sequence

from captiongan.errors import CaptionganError
from captiongan.version import __version__

Facts = dict[str, object]
Migration = Callable[[Facts], Facts]

CARD = "card"
"""The key of the model card's text among a bundle's facts while they are migrated."""


def never_scored(config: Facts) -> Facts:
    """Migrate a run's configuration from 1 to 2: runs from before scores have none."""
    return {"scores": {"every_kimg": 0}} | config


def not_scored_by_its_discriminator(config: Facts) -> Facts:
    """Migrate a run's configuration from 2 to 3: `projected` is no longer scored by lite0.

    Its discriminator has the features of that network. Its best checkpoint so far stays.
    """
    scores = config.get("scores") or {}
    if config.get("network") != "projected" or not isinstance(scores, dict):
        return config
    if scores.get("extractor", "lite0") != "lite0":
        return config
    return config | {"scores": scores | {"every_kimg": 0}}


def named_conditioning_augmentation(config: Facts) -> Facts:
    """Migrate a run's configuration from 3 to 4: `text.wording` has the field's name.

    A configuration with the new name stays as it is.
    """
    text = config.get("text")
    if not isinstance(text, dict) or "wording" not in text or "conditioning_augmentation" in text:
        return config
    names = {"wording": "conditioning_augmentation"}
    return config | {"text": {names.get(name, name): value for name, value in text.items()}}


def mirrors_nothing(manifest: Facts) -> Facts:
    """Migrate a bundle's manifest from 1 to 2: older bundles mirror nothing."""
    return manifest | {"mirror_by_seed": False}


def prompts_of_its_card(manifest: Facts) -> Facts:
    """Migrate a bundle's manifest from 2 to 3: its sample prompts were only in the model card.

    The reader passes the card as `CARD`. A card that somebody rewrote may list none.
    """
    listed = re.search(
        r"^Rows, top to bottom.*?(?=^#|\Z)", str(manifest[CARD]), flags=re.DOTALL | re.MULTILINE
    )
    prompts = re.findall(r"^\d+\. (.+)$", listed[0], flags=re.MULTILINE) if listed else []
    return manifest | {"sample_prompts": prompts}


def reads_english(manifest: Facts) -> Facts:
    """Migrate a bundle's manifest from 3 to 4: older bundles read English only."""
    return manifest | {"languages": ["en"]}


def of_an_unnamed_run(manifest: Facts) -> Facts:
    """Bring a checkpoint's manifest from 1 to 2: it did not name its run, nor have a sha256."""
    return manifest | {"run": ""}


BUNDLE: tuple[Migration, ...] = (mirrors_nothing, prompts_of_its_card, reads_english)
CHECKPOINT: tuple[Migration, ...] = (of_an_unnamed_run,)
RUN_CONFIG: tuple[Migration, ...] = (
    never_scored,
    not_scored_by_its_discriminator,
    named_conditioning_augmentation,
)
"""From schema 1 of each to the current one."""


def newest(migrations: Sequence[Migration]) -> int:
    """Return the current schema, to which migrations lead."""
    return 1 + len(migrations)


def of_today(
    facts: Mapping[str, object],
    migrations: Sequence[Migration],
    what: str,
    refusal: type[CaptionganError],
) -> Facts:
    """Return facts of any schema up to the current one in the current schema.

    Args:
        facts: what was read, with its `schema`, and perhaps the version that wrote it.
        migrations: those of this kind of facts, from schema 1 on.
        what: its name in errors.
        refusal: raised if a later version wrote it; the message says which version to install.

    Raises:
        ValueError: the schema is not a whole number above 0.
    """
    schema = facts["schema"]
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ValueError(f"schema = {schema!r:.40}: must be a whole number above 0")
    if schema > newest(migrations):
        raise refusal(
            f"{what} has schema {reprlib.repr(schema)}, captiongan {__version__} reads up to "
            f"{newest(migrations)}; install {_version_of(facts)}"
        )
    result = dict(facts)
    for migration in migrations[schema - 1 :]:
        result = migration(result)
    return result | {"schema": newest(migrations)}


def _version_of(facts: Mapping[str, object]) -> str:
    by = facts.get("captiongan")
    known = isinstance(by, str) and re.fullmatch(r"\d[\w.+-]{0,30}", by, re.ASCII)
    return f"captiongan {by} or newer" if known else "a newer captiongan"
