"""Describes the subject of a finished bundle, from the captions that it was trained on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from captiongan.bundle.bundle import check_vacant, contents, find_bundle, read_bundle, write_bundle
from captiongan.bundle.subject import Subject
from captiongan.data.store import captions_of
from captiongan.draw.sessions import open_text_encoder
from captiongan.text.cached_embeddings import CachedTextEncoder


def describe_subject(bundle: str | Path, data: Sequence[str], out: Path) -> Subject:
    """Write a copy of a bundle that says when a prompt is about something else than its captions.

    Args:
        bundle: name of a shipped bundle, or a folder.
        data: captioned folders, `toy` or `toy:SIZE`: those that the bundle was trained on.
        out: the new bundle's folder; must not exist, or be empty.

    Raises:
        BundleError: the bundle is missing or damaged, or has no card.
        DataError: `data` cannot be used.
        OutputError: `out` holds something, or cannot be written, or the cache cannot.
    """
    check_vacant(out)
    described = read_bundle(find_bundle(bundle))
    files = contents(described)
    captions = captions_of(data)
    encoder = CachedTextEncoder(open_text_encoder(described))
    subject = Subject.of(captions, encoder.encode(captions))
    assert subject is not None  # unit vectors of sentences about one thing have a mean
    write_bundle(out, files, replace(described.manifest, subject=subject))
    return subject
