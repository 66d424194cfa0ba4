"""A bundle with another text encoder: one that reads more, and embeds English as before."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from captiongan.bundle.bundle import Bundle, check_vacant, contents, read_bundle, write_bundle
from captiongan.bundle.manifest import CARD_FILE
from captiongan.bundle.model_card import with_languages
from captiongan.bundle.text_encoder import ENCODER_FILES, OnnxTextEncoder
from captiongan.errors import BundleError

ALIKE = 1e-4
"""How far apart the numbers of two embeddings of the same English sentence may be."""

SENTENCES = (
    "a red flower with yellow stamens",
    "this bird has black wings, a white belly and a short pointed beak",
    "the petals are pale pink with darker edges, and the leaves are long and narrow",
)


def exchange_encoder(folder: Path, encoder: Path, out: Path) -> Bundle:
    """Write a copy of a bundle with another text encoder, which its card and manifest name.

    Args:
        folder: of the bundle.
        encoder: a folder that `captiongan text train` wrote.
        out: of the new bundle; must not exist, or be empty.

    Raises:
        BundleError: bundle or encoder cannot be read, or the two encoders embed English sentences
            differently, so the generator would draw something else.
        OutputError: `out` holds something, or cannot be written.
    """
    check_vacant(out)
    bundle = read_bundle(folder)
    manifest = bundle.manifest
    name = manifest.text_encoder.name
    before, after = OnnxTextEncoder(folder, name), OnnxTextEncoder(encoder, name)
    sentences = [*SENTENCES, *manifest.sample_prompts]
    if before.dim != after.dim or not np.allclose(
        before.encode(sentences), after.encode(sentences), rtol=0, atol=ALIKE
    ):
        raise BundleError(
            f"text encoder '{encoder}' embeds English otherwise than that of bundle "
            f"'{manifest.name}', so its generator would draw something else; take an encoder that "
            "`captiongan text train --language --from` made from the bundle's own"
        )
    files = contents(bundle) | {file: (encoder / file).read_bytes() for file in ENCODER_FILES}
    files[CARD_FILE] = _card(files[CARD_FILE].decode(), before, after).encode()
    facts = replace(manifest, text_encoder=after.identity, languages=after.languages)
    return write_bundle(out, files, facts)


def _card(card: str, before: OnnxTextEncoder, after: OnnxTextEncoder) -> str:
    return with_languages(card, after.languages).replace(str(before.identity), str(after.identity))
