"""From a sentence to pictures with ONNX Runtime: the whole runtime in one class."""

import math
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from captiongan.base.image_reading import as_rgb, middle_square
from captiongan.bundle.bundle import (
    GENERATOR_FILE,
    RANKER_FILE,
    STYLE_FILE,
    Bundle,
    BundleManifest,
    find_bundle,
    read_bundle,
    shipped_bundles,
)
from captiongan.bundle.onnx_session import open_session
from captiongan.bundle.text_encoder import Embeddings, OnnxTextEncoder, Reading
from captiongan.draw.interpolation import Interpolation, arc, line, on_arc, through
from captiongan.draw.picture import Picture, mirrored
from captiongan.draw.plan import Plan
from captiongan.draw.prompts import (
    check_around,
    check_prompts,
    check_truncation,
    check_words,
    seeds_of,
    stops_of,
    warn_of,
)
from captiongan.errors import BundleError, CaptionganError, needs_extra

__all__ = ["Interpolation", "Picture", "Pipeline", "best_rows", "load", "mirror_of", "noise_of"]

Noise = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]

MAX_BATCH = 64

SCORE_DIGITS = 4
"""Decimals of a picture's score; further ones differ between processors."""

REMEMBERED = 1024
"""How many prompts a pipeline keeps the readings of."""


def load(bundle: str | Path = "flowers") -> "Pipeline":
    """Open a bundle: the name of a shipped one, or the path of a folder.

    The folder may also be that of a run, whose best checkpoint then draws; this takes the training
    half. Raises BundleError if it is missing, damaged, foreign or from a newer captiongan, and
    RunError if a run has no usable checkpoint.
    """
    return Pipeline(open_bundle(bundle))


def open_bundle(bundle: str | Path) -> Bundle:
    """Find and check a bundle, or make one of a run, as `load` does and with its errors."""
    if bundle not in shipped_bundles() and (Path(bundle) / "config.yaml").is_file():
        with needs_extra("train", f"the run '{bundle}'", "the training half"):
            from captiongan.export.export import bundle_of_run

            return bundle_of_run(Path(bundle))
    return read_bundle(find_bundle(bundle))


def noise_of(seed: int, dim: int) -> Noise:
    """Return the noise of one picture: (dim,) float32, standard normal, `seed` 0 to 2**32 - 1.

    The stream of `numpy.random.RandomState` is frozen by NumPy's policy: a seed gives the same
    noise with every version of NumPy.
    """
    stream = _STREAMS.one
    stream.seed(seed)
    return stream.standard_normal(dim).astype(np.float32)


def mirror_of(seed: int, dim: int) -> bool:
    """Return the bit of a seed by which a bundle with `mirror_by_seed` mirrors its picture.

    It is drawn after the noise of `dim` numbers: whether the stream's next number in [0, 1) is
    below 0.5.
    """
    stream = _STREAMS.one
    stream.seed(seed)
    stream.standard_normal(dim)
    return stream.random_sample() < 0.5


def best_rows(scores: Scores, best_of: int) -> npt.NDArray[np.int64]:
    """Return the row with the highest score among each `best_of` rows: (N / best_of,)."""
    groups = scores.reshape(-1, best_of)
    best: npt.NDArray[np.int64] = np.arange(len(groups)) * best_of + groups.argmax(axis=1)
    return best


class _Streams(threading.local):
    """A stream of noise for each thread; making a new one takes 30 times as long as seeding it."""

    def __init__(self) -> None:
        self.one = np.random.RandomState()


_STREAMS = _Streams()


class Pipeline:
    """A bundle opened for drawing: text encoder and generator, on the CPU."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._manifest = bundle.manifest
        self._generator = open_session(bundle.folder / GENERATOR_FILE)
        _check_generator(self._generator, bundle.manifest)
        self._encoder = _open_encoder(bundle)
        self._read = lru_cache(REMEMBERED)(self._encoder.read)

    @classmethod
    def from_bundle(cls, name_or_path: str | Path) -> Self:
        """Find, check and open a bundle; raises BundleError as `load` does."""
        return cls(read_bundle(find_bundle(name_or_path)))

    @property
    def bundle(self) -> Bundle:
        """The bundle that is open."""
        return self._bundle

    @property
    def manifest(self) -> BundleManifest:
        """The facts of the bundle, such as its name, version and sizes."""
        return self._manifest

    def mirrors(self, seed: int) -> bool:
        """Whether the finished picture of a seed is mirrored left to right."""
        return self._manifest.mirror_by_seed and mirror_of(seed, self._manifest.noise_dim)

    def generate(
        self,
        prompt: str,
        n: int = 1,
        seed: int = 0,
        truncation: float = 1.0,
        around: int | None = None,
        strength: float = 0.3,
        best_of: int = 1,
    ) -> list[Picture]:
        """Draw `n` pictures of one English sentence.

        Picture i has the seed `seed` + i and its own stream of noise, so a seed gives the same
        picture alone and among others. The noise is multiplied by `truncation`: less of it trades
        variety for what is usual (Brock et al. 2019, section 3.1). With `around`, the pictures are
        variations of the one of that seed: the noise of each goes `strength` of the way, 0 to 1,
        from there to its own seed, on the `arc`. If the bundle mirrors by seed, each picture may be
        mirrored left to right, and variations are if the picture of `around` is.

        With `best_of` each picture is the one with the highest score of so many candidates, by the
        bundle's ranker. Candidate j of picture i has the seed `seed` + i * `best_of` + j; the
        picture keeps that seed, which alone draws it again.

        Raises PromptError unless the prompt has 1 to 1,000 characters, none of them a control
        character, and at least half of its words are known, `n` is 1 to 1,000, `best_of` 1 to 64,
        the candidates 1,000 at most, each with a seed from 0 to 2**32 - 1, `truncation` is above 0
        and at most 1, and `around` is a seed. Raises BundleError if `best_of` is above 1 and the
        bundle has no ranker. Warns with UnknownWordsWarning if it knows some words but not all, and
        if the sentence is too long to be read to its end.
        """
        plan = self.plan([prompt], n, seed, truncation, around, strength, best_of)
        warn_of(plan.readings, self._manifest.name)
        return plan.result(self.draw(plan.noise, plan.embedding))

    def plan(
        self,
        prompts: Sequence[str],
        n: int = 1,
        seed: int = 0,
        truncation: float = 1.0,
        around: int | None = None,
        strength: float = 0.3,
        best_of: int = 1,
    ) -> Plan[list[Picture]]:
        """Plan what `generate` draws, of several prompts one after the other; never warns."""
        seeds, truncation = seeds_of(seed, n, best_of), check_truncation(truncation)
        strength = check_around(around, strength)
        readings = self._readings(prompts)
        if best_of > 1:
            _ = self._ranker  # a bundle without one is refused before anything is drawn
        noise, embedding = self._noise(seeds), np.repeat(_embedding(readings), len(seeds), axis=0)
        if around is not None:
            (middle,) = self._noise([around])
            noise = np.concatenate([on_arc(middle, each, [strength]) for each in noise])
        drawn_with = (self._manifest.name, self._manifest.version, truncation)
        variation = (around, None if around is None else strength)
        mirrors = [self.mirrors(each if around is None else around) for each in seeds]

        def result(pixels: Pixels) -> list[Picture]:
            finished = mirrored(pixels, mirrors * len(readings))
            return [
                Picture(
                    Image.fromarray(finished[row]),
                    readings[row // len(seeds)].text,
                    seeds[row % len(seeds)],
                    *drawn_with,
                    *variation,
                    mirrors[row % len(seeds)],
                    score,
                )
                for row, score in self._kept(pixels, embedding, best_of)
            ]

        return Plan(np.tile(truncation * noise, (len(readings), 1)), embedding, readings, result)

    def interpolate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int] = (0,),
        steps: int = 9,
        truncation: float = 1.0,
    ) -> Interpolation:
        """Draw the way from sentence to sentence, from seed to seed, or both.

        Several prompts with one seed keep the noise, one prompt with several seeds keeps the text
        (Reed et al. 2016, section 5.4); as many of both change together. A leg has `steps`
        pictures, the first and the last of which `generate` would draw, too. If the bundle mirrors
        by seed, the bit of the first seed holds for all pictures, so that none changes sides on the
        way; the last may be the mirror image of its seed's. Raises PromptError unless there are two
        stops at least, 1,000 pictures in all at most, and each prompt and seed and the `truncation`
        of all noise is as for `generate`.
        """
        plan = self.plan_interpolation(prompts, seeds, steps, truncation)
        warn_of(plan.readings, self._manifest.name)
        return plan.result(self.draw(plan.noise, plan.embedding))

    def plan_interpolation(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int] = (0,),
        steps: int = 9,
        truncation: float = 1.0,
    ) -> Plan[Interpolation]:
        """Plan what `interpolate` draws; never warns."""
        truncation = check_truncation(truncation)
        readings = self._readings(prompts)
        texts = [reading.text for reading in readings]
        stops = stops_of(texts, seeds, steps)
        drawn_with = (self._manifest.name, self._manifest.version, truncation)

        mirror = self.mirrors(seeds[0])

        def result(pixels: Pixels) -> Interpolation:
            finished = mirrored(pixels, [mirror] * len(pixels))
            images = [Image.fromarray(image) for image in finished]
            return Interpolation(images, texts, tuple(seeds), steps, *drawn_with, mirror)

        return Plan(
            truncation * through(_for_each(stops, self._noise(seeds)), steps, arc),
            through(_for_each(stops, _embedding(readings)), steps, line),
            readings,
            result,
        )

    def restyle(self, picture: str | Path | Image.Image, prompts: Sequence[str]) -> list[Picture]:
        """Draw a picture again, once under each sentence: G(S(x), e).

        The style encoder S reads off the picture (a file or an image; its middle square counts) the
        noise with which the generator would have drawn it: what no sentence says, such as place,
        pose and background (Reed et al. 2016, section 5.3). Where S is in doubt its noise is short,
        and would draw what is usual; it is given the length that noise has, sqrt(noise_dim). The
        pictures have no seed, and none is mirrored. Raises BundleError if the bundle has no style
        encoder, UnusablePictureError if there is no reading the picture, PromptError as `generate`
        does.
        """
        style_encoder = self._style_encoder
        readings = self._readings(prompts)
        warn_of(readings, self._manifest.name)
        small = np.asarray(middle_square(as_rgb(picture), self._manifest.resolution))
        (read,) = style_encoder.run(None, {"pictures": small[None]})
        noise = read * np.float32(math.sqrt(read.size) / (np.linalg.norm(read) or 1.0))
        pixels = self.draw(np.repeat(noise, len(readings), axis=0), _embedding(readings))
        name, version = self._manifest.name, self._manifest.version
        return [
            Picture(Image.fromarray(image), reading.text, None, name, version)
            for image, reading in zip(pixels, readings, strict=True)
        ]

    @cached_property
    def _style_encoder(self) -> Any:
        if not self._bundle.can_restyle:
            raise BundleError(
                f"bundle '{self._manifest.name}' has no {STYLE_FILE} and cannot restyle; teach a "
                f"copy of it: captiongan style train {self._manifest.name} DATA --out NEW"
            )
        session = open_session(self._bundle.folder / STYLE_FILE)
        _check_style_encoder(session, self._manifest)
        return session

    def score(self, pictures: Pixels, embedding: Embeddings) -> Scores:
        """Say how well each picture fits its text and how whole it is: (N,), higher is better.

        `pictures` is (N, H, W, 3) uint8, `embedding` (N, embedding_dim) float32 with a row for
        each. Only scores under one text compare. Raises ValueError if the rows do not match,
        BundleError if the bundle has no ranker, or one that is foreign or gives a score that is not
        finite.
        """
        _check_rows("embedding", embedding, len(pictures), self._manifest.embedding_dim)
        batches = [slice(start, start + MAX_BATCH) for start in range(0, len(pictures), MAX_BATCH)]
        scores = [self._score_batch(pictures[rows], embedding[rows]) for rows in batches]
        return np.concatenate(scores)

    def _score_batch(self, pictures: Pixels, embedding: Embeddings) -> Scores:
        levels = pictures.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1
        (scores,) = self._ranker.run(None, {"pictures": levels, "embedding": embedding})
        if not np.isfinite(scores).all():
            raise BundleError(
                f"bundle '{self._manifest.name}': {RANKER_FILE} gives a score that is not finite; "
                "train its ranker again: captiongan rank train"
            )
        return np.asarray(scores, dtype=np.float32)

    def _kept(
        self, pixels: Pixels, embedding: Embeddings, best_of: int
    ) -> list[tuple[int, float | None]]:
        """Return the rows of the pictures to keep, each with its score if it was chosen by one."""
        if best_of == 1:
            return [(row, None) for row in range(len(pixels))]
        scores = self.score(pixels, embedding)
        rows = best_rows(scores, best_of)
        return [(int(row), round(float(scores[row]), SCORE_DIGITS)) for row in rows]

    @cached_property
    def _ranker(self) -> Any:
        if not self._bundle.has_ranker:
            name = self._manifest.name
            raise BundleError(
                f"bundle '{name}' has no {RANKER_FILE} and cannot tell which picture is best; "
                f"teach a copy of it: captiongan rank train {name} DATA --out NEW"
            )
        session = open_session(self._bundle.folder / RANKER_FILE)
        _check_ranker(session, self._manifest)
        return session

    def read(self, prompt: str) -> Reading:
        """Return how the text encoder reads a prompt; a prompt read lately is remembered.

        Raises PromptError unless the prompt is as for `generate`; never warns.
        """
        (reading,) = self._readings([prompt])
        return reading

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of `texts`, as they are: (N, embedding_dim) float32."""
        return self._encoder.encode(texts)

    def draw(self, noise: Noise, embedding: Embeddings) -> Pixels:
        """Draw one picture for each row, mirroring none: (N, H, W, 3) uint8.

        `noise` is (N, noise_dim), `embedding` (N, embedding_dim), N at least 1, both float32.
        Raises ValueError if they are not.
        """
        _check_rows("noise", noise, len(noise), self._manifest.noise_dim)
        _check_rows("embedding", embedding, len(noise), self._manifest.embedding_dim)
        batches = [slice(start, start + MAX_BATCH) for start in range(0, len(noise), MAX_BATCH)]
        return np.concatenate([self._draw_batch(noise[rows], embedding[rows]) for rows in batches])

    def _readings(self, prompts: Sequence[str]) -> list[Reading]:
        texts, name = check_prompts(prompts), self._manifest.name
        return [check_words(self._read(text), name) for text in texts]

    def _noise(self, seeds: Sequence[int]) -> Noise:
        return np.stack([noise_of(seed, self._manifest.noise_dim) for seed in seeds])

    def _draw_batch(self, noise: Noise, embedding: Embeddings) -> Pixels:
        (pixels,) = self._generator.run(None, {"noise": noise, "embedding": embedding})
        return np.asarray(pixels, dtype=np.uint8)


def _embedding(readings: Sequence[Reading]) -> Embeddings:
    return np.stack([reading.embedding for reading in readings])


def _for_each(stops: int, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Give each stop a row: its own, or the only one."""
    return vectors if len(vectors) == stops else np.repeat(vectors, stops, axis=0)


def _check_rows(name: str, rows: npt.NDArray[np.float32], count: int, dim: int) -> None:
    if rows.dtype != np.float32 or rows.shape != (count, dim) or count == 0:
        raise ValueError(
            f"{name} is {rows.dtype} {rows.shape}, must be float32 (N, {dim}) with one row for "
            "each picture; reshape or convert it"
        )


def _check_generator(session: Any, manifest: BundleManifest) -> None:
    side = manifest.resolution
    expected = (
        f"embedding tensor(float) (?, {manifest.embedding_dim}), "
        f"noise tensor(float) (?, {manifest.noise_dim}) -> "
        f"pictures tensor(uint8) (?, {side}, {side}, 3)"
    )
    _check_signature(session, expected, GENERATOR_FILE, manifest)


def _check_style_encoder(session: Any, manifest: BundleManifest) -> None:
    side = manifest.resolution
    expected = (
        f"pictures tensor(uint8) (?, {side}, {side}, 3) -> "
        f"noise tensor(float) (?, {manifest.noise_dim})"
    )
    _check_signature(session, expected, STYLE_FILE, manifest)


def _check_ranker(session: Any, manifest: BundleManifest) -> None:
    side = manifest.resolution
    expected = (
        f"embedding tensor(float) (?, {manifest.embedding_dim}), "
        f"pictures tensor(float) (?, 3, {side}, {side}) -> scores tensor(float) (?)"
    )
    _check_signature(session, expected, RANKER_FILE, manifest)


def _check_signature(session: Any, expected: str, file: str, manifest: BundleManifest) -> None:
    found = f"{_signature(session.get_inputs())} -> {_signature(session.get_outputs())}"
    if found != expected:
        raise BundleError(
            f"bundle '{manifest.name}': {file} maps {found}, must map {expected}; "
            "write the bundle again with `captiongan export`"
        )


def _signature(tensors: Iterable[Any]) -> str:
    """Write down names, types and shapes in the order of names; a free dimension is "?"."""
    ordered = sorted(tensors, key=lambda tensor: str(tensor.name))
    return ", ".join(f"{each.name} {each.type} ({_dimensions(each.shape)})" for each in ordered)


def _dimensions(shape: Iterable[object]) -> str:
    return ", ".join(str(size) if isinstance(size, int) else "?" for size in shape)


def _open_encoder(bundle: Bundle) -> OnnxTextEncoder:
    """Open the text encoder and try it on one sentence, so that a foreign one shows at once."""
    name, sha256 = bundle.manifest.text_encoder.name, bundle.manifest.text_encoder.sha256
    try:
        encoder = OnnxTextEncoder(bundle.folder, name)
        encoder.unknown_words("a flower")
        dim = encoder.encode(["a flower"]).shape[1]
    except CaptionganError:
        raise
    except Exception as error:  # tokenizers and ONNX Runtime raise bare ones
        reason = " ".join(str(error).split())
        raise BundleError(
            f"bundle '{bundle.folder}': its text encoder '{name}' cannot encode a sentence "
            f"({reason}); write the bundle again with `captiongan export`"
        ) from error
    if encoder.identity.sha256 != sha256:
        raise BundleError(
            f"bundle '{bundle.folder}': its text encoder is {encoder.identity}, the generator was "
            f"trained with {bundle.manifest.text_encoder}; they must be the same: "
            "write the bundle again with `captiongan export`"
        )
    if dim != bundle.manifest.embedding_dim:
        raise BundleError(
            f"bundle '{bundle.folder}': its text encoder gives {dim} numbers, 'embedding_dim' is "
            f"{bundle.manifest.embedding_dim}; they must be equal: "
            "write the bundle again with `captiongan export`"
        )
    return encoder
