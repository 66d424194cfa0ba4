"""What earlier versions wrote, read as they meant it; what later ones wrote, refused in words.

A bundle's manifest, a checkpoint's, and a run's configuration each have a `schema`, a whole number.
It grows with a change that today's reader would misread, and then a migration is added here: a
function that turns facts of one schema into the same facts of the next.
"""

import re
import reprlib
from collections.abc import Callable, Mapping, Sequence

from captiongan.errors import CaptionganError
from captiongan.version import __version__

Facts = dict[str, object]
Migration = Callable[[Facts], Facts]

CARD = "card"
"""Where a bundle's facts hold the text of its model card while they are migrated."""


def never_scored(config: Facts) -> Facts:
    """Bring a run's configuration from 1 to 2: runs of before there were scores go without."""
    return {"scores": {"every_kimg": 0}} | config


def not_judged_by_its_teacher(config: Facts) -> Facts:
    """Bring a run's configuration from 2 to 3: `projected` is no longer scored by lite0.

    Its discriminator looks through that network. Its best checkpoint so far stays.
    """
    scores = config.get("scores") or {}
    if config.get("network") != "projected" or not isinstance(scores, dict):
        return config
    if scores.get("extractor", "lite0") != "lite0":
        return config
    return config | {"scores": scores | {"every_kimg": 0}}


def mirrors_nothing(manifest: Facts) -> Facts:
    """Bring a bundle's manifest from 1 to 2: bundles of before seeds mirrored draw as they did."""
    return manifest | {"mirror_by_seed": False}


def prompts_of_its_card(manifest: Facts) -> Facts:
    """Bring a bundle's manifest from 2 to 3: its sample prompts stood in the model card alone.

    The reader passes the card in as `CARD`. A card that somebody rewrote may list none.
    """
    listed = re.search(
        r"^Rows, top to bottom.*?(?=^#|\Z)", str(manifest[CARD]), flags=re.DOTALL | re.MULTILINE
    )
    prompts = re.findall(r"^\d+\. (.+)$", listed[0], flags=re.MULTILINE) if listed else []
    return manifest | {"sample_prompts": prompts}


BUNDLE: tuple[Migration, ...] = (mirrors_nothing, prompts_of_its_card)
CHECKPOINT: tuple[Migration, ...] = ()
RUN_CONFIG: tuple[Migration, ...] = (never_scored, not_judged_by_its_teacher)
"""From schema 1 of each to today's."""


def newest(migrations: Sequence[Migration]) -> int:
    """Return the schema to which migrations lead, the one that is written today."""
    return 1 + len(migrations)


def of_today(
    facts: Mapping[str, object],
    migrations: Sequence[Migration],
    what: str,
    refusal: type[CaptionganError],
) -> Facts:
    """Return facts of any schema up to today's as facts of today's.

    Args:
        facts: what was read, with its `schema`, and in `captiongan` perhaps which version wrote it.
        migrations: those of its kind, from schema 1 on.
        what: names it in errors.
        refusal: raised for what a later version wrote; the message says which one to install.

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
