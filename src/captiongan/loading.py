"""Opening whatever draws: a bundle, or a run with the training half."""

from pathlib import Path

from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle, shipped_bundles
from captiongan.draw.pipeline import Pipeline
from captiongan.errors import needs_extra


def load(bundle: str | Path = "flowers") -> Pipeline:
    """Open a bundle or a run for drawing.

    Args:
        bundle: the name of a shipped bundle, the path of a bundle's folder, or that of a run, whose
            best checkpoint then draws; a run needs the training half.

    Raises:
        BundleError: the bundle is missing, damaged, foreign or from a newer captiongan.
        RunError: the run has no usable checkpoint, or its text encoder does not fit in a bundle.
        OutputError: the bundle of a run cannot be written to the cache.
    """
    return Pipeline(open_bundle(bundle))


def open_bundle(bundle: str | Path) -> Bundle:
    """Find and check a bundle, or make one of a run, as `load` does and with its errors."""
    if bundle not in shipped_bundles() and (Path(bundle) / "config.yaml").is_file():
        with needs_extra("train", f"the run '{bundle}'", "the training half"):
            from captiongan.export.export import bundle_of_run

            return bundle_of_run(Path(bundle))
    return read_bundle(find_bundle(bundle))
