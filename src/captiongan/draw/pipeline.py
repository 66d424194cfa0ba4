"""Draws pictures of sentences, with ONNX Runtime and without PyTorch."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from captiongan.bundle.bundle import Bundle, find_bundle, read_bundle
from captiongan.bundle.manifest import BundleManifest
from captiongan.bundle.text_encoder import Embeddings, Reading
from captiongan.draw.best_of import Ranker, Scores
from captiongan.draw.explanation import Explanation, explanation_of, without_each, words_of
from captiongan.draw.hints import with_hints
from captiongan.draw.interpolation import Interpolation, arc, at_stops, line, on_arc, through
from captiongan.draw.noise import Noise, mirror_of, noise_rows
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
from captiongan.draw.sessions import (
    GENERATOR,
    check_rows,
    in_batches,
    open_network,
    open_text_encoder,
)
from captiongan.draw.style import StyleEncoder

Pixels = npt.NDArray[np.uint8]

REMEMBERED = 1024
"""How many readings of prompts a pipeline caches."""


class Pipeline:
    """A bundle opened for drawing: text encoder and generator, on the CPU."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._manifest = bundle.manifest
        self._generator = open_network(bundle, GENERATOR)
        self._encoder = open_text_encoder(bundle)
        self._read = lru_cache(REMEMBERED)(self._read_one)

    @classmethod
    def from_bundle(cls, name_or_path: str | Path) -> Self:
        """Open a bundle: the name of a shipped one, or the path of a folder.

        Raises BundleError if it is missing, damaged, foreign or from a newer captiongan.
        """
        return cls(read_bundle(find_bundle(name_or_path)))

    @property
    def bundle(self) -> Bundle:
        """The bundle that is open."""
        return self._bundle

    @property
    def manifest(self) -> BundleManifest:
        """The facts about the bundle: name, version, sizes, training."""
        return self._manifest

    def noise(self, seeds: Sequence[int], truncation: float = 1.0) -> Noise:
        """Return the noise of each seed times `truncation`: (N, noise_dim) float32."""
        return noise_rows(seeds, self._manifest.noise_dim, truncation)

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
        """Draw `n` pictures of one sentence, in a language of the bundle.

        Picture i has the seed `seed` + i and its own stream of noise, so a seed gives the same
        picture alone and among others. If the bundle mirrors by seed, half of the seeds mirror
        their picture left to right. The call warns with UnknownWordsWarning if the bundle knows
        some words but not all, and with PromptWarning if words negate or count, if the sentence is
        about something else than the training captions, or too long to be read to its end.

        Args:
            prompt: 1 to 1,000 characters, none of them a control character; the bundle must know at
                least half of its words.
            n: how many pictures, 1 to 1,000.
            seed: of the first picture; every seed is from 0 to 2**32 - 1.
            truncation: the factor of the noise, above 0 and at most 1. Less trades variety for
                typical pictures (Brock et al. 2019, section 3.1).
            around: draws variations of the picture of this seed. They are mirrored if it is.
            strength: how far the noise of a variation goes from that of `around` to that of its own
                seed, on the `arc`, 0 to 1.
            best_of: how many candidates to draw for each picture, 1 to 64, and 1,000 in all at
                most. The bundle's ranker scores them and the best is kept. Candidate j of picture i
                has the seed `seed` + i * `best_of` + j, and that seed alone draws it again.

        Raises:
            PromptError: an argument breaks its rule.
            BundleError: `best_of` is above 1 and the bundle has no ranker.
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
        """Plan what `generate` draws, for several prompts one after the other; never warns."""
        seeds, truncation = seeds_of(seed, n, best_of), check_truncation(truncation)
        strength = check_around(around, strength)
        readings = self._readings(prompts)
        if best_of > 1:
            _ = self._ranker  # refuses a bundle without a ranker before anything is drawn
        noise, embedding = self.noise(seeds), np.repeat(_embedding(readings), len(seeds), axis=0)
        if around is not None:
            (middle,) = self.noise([around])
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

        Several prompts with one seed keep the noise; one prompt with several seeds keeps the text
        (Reed et al. 2016, section 5.4); equally many of both change together. If the bundle mirrors
        by seed, the bit of the first seed applies to all pictures, so that none changes sides.

        Args:
            prompts: as for `generate`; there must be two or more stops.
            seeds: as for `generate`.
            steps: pictures from one stop to the next, including both, which equal `generate`'s.
            truncation: as for `generate`, for all noise.

        Raises:
            PromptError: an argument breaks its rule, or there are more than 1,000 pictures in all.
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
            truncation * through(at_stops(self.noise(seeds), stops), steps, arc),
            through(at_stops(_embedding(readings), stops), steps, line),
            readings,
            result,
        )

    def explain(self, prompt: str, seed: int = 0, truncation: float = 1.0) -> Explanation:
        """Draw `generate`'s picture, and show what each word of the prompt changes in it.

        The prompt has two words at least; further arguments and errors are those of `generate`.
        """
        plan = self.plan_explanation(prompt, seed, truncation)
        warn_of(plan.readings, self._manifest.name)
        return plan.result(self.draw(plan.noise, plan.embedding))

    def plan_explanation(
        self, prompt: str, seed: int = 0, truncation: float = 1.0
    ) -> Plan[Explanation]:
        """Plan what `explain` draws; never warns."""
        (seed,), truncation = seeds_of(seed, 1), check_truncation(truncation)
        (reading,) = self._readings([prompt])
        words = words_of(reading.text)
        rows = [reading, *map(self._read, without_each(words))]
        drawn_with = (self._manifest.name, self._manifest.version, truncation)
        mirror = self.mirrors(seed)

        def result(pixels: Pixels) -> Explanation:
            return explanation_of(
                mirrored(pixels, [mirror] * len(pixels)),
                words,
                lambda image: Picture(image, reading.text, seed, *drawn_with, mirrored=mirror),
            )

        noise = np.repeat(self.noise([seed], truncation), len(rows), axis=0)
        return Plan(noise, _embedding(rows), [reading], result)

    def restyle(self, picture: str | Path | Image.Image, prompts: Sequence[str]) -> list[Picture]:
        """Draw a picture again, once for each sentence, with the noise that `StyleEncoder` reads.

        The pictures have no seed, and none is mirrored.

        Args:
            picture: a file or an image; only its middle square is used.
            prompts: as for `generate`.

        Raises:
            BundleError: the bundle has no style encoder.
            UnusablePictureError: the picture cannot be read.
            PromptError: a prompt breaks its rule.
        """
        style_encoder = self._style_encoder
        readings = self._readings(prompts)
        warn_of(readings, self._manifest.name)
        noise = np.repeat(style_encoder.noise_of(picture), len(readings), axis=0)
        pixels = self.draw(noise, _embedding(readings))
        name, version = self._manifest.name, self._manifest.version
        return [
            Picture(Image.fromarray(image), reading.text, None, name, version)
            for image, reading in zip(pixels, readings, strict=True)
        ]

    @cached_property
    def _style_encoder(self) -> StyleEncoder:
        return StyleEncoder(self._bundle)

    def score(self, pictures: Pixels, embedding: Embeddings) -> Scores:
        """Score how well each picture fits its text and how whole it is: (N,), higher is better.

        Only scores of the same text are comparable.

        Args:
            pictures: (N, H, W, 3) uint8.
            embedding: (N, embedding_dim) float32, a row for each picture.

        Raises:
            ValueError: the number of rows differs.
            BundleError: the bundle has no ranker, or a foreign one, or a score is not finite.
        """
        check_rows("embedding", embedding, len(pictures), self._manifest.embedding_dim)
        return self._ranker.scores(pictures, embedding)

    def _kept(
        self, pixels: Pixels, embedding: Embeddings, best_of: int
    ) -> Sequence[tuple[int, float | None]]:
        """Return the rows of the pictures to keep, each with its score if there was a choice."""
        if best_of == 1:
            return [(row, None) for row in range(len(pixels))]
        return self._ranker.best(pixels, embedding, best_of)

    @cached_property
    def _ranker(self) -> Ranker:
        return Ranker(self._bundle)

    def read(self, prompt: str) -> Reading:
        """Return how the text encoder reads a prompt, with `generate`'s errors; never warns."""
        (reading,) = self._readings([prompt])
        return reading

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings of `texts`, without checking them: (N, embedding_dim) float32."""
        return self._encoder.encode(texts)

    def draw(self, noise: Noise, embedding: Embeddings) -> Pixels:
        """Draw one picture for each row and mirror none: (N, H, W, 3) uint8.

        Both are float32: `noise` (N, noise_dim) and `embedding` (N, embedding_dim), N at least 1.
        Raises ValueError if they are not.
        """
        check_rows("noise", noise, len(noise), self._manifest.noise_dim)
        check_rows("embedding", embedding, len(noise), self._manifest.embedding_dim)
        rows = in_batches(len(noise))
        return np.concatenate([self._draw_batch(noise[each], embedding[each]) for each in rows])

    def _read_one(self, text: str) -> Reading:
        return with_hints(self._encoder.read(text), self._manifest.subject)

    def _readings(self, prompts: Sequence[str]) -> list[Reading]:
        texts, name = check_prompts(prompts), self._manifest.name
        return [check_words(self._read(text), name) for text in texts]

    def _draw_batch(self, noise: Noise, embedding: Embeddings) -> Pixels:
        (pixels,) = self._generator.run(None, {"noise": noise, "embedding": embedding})
        return np.asarray(pixels, dtype=np.uint8)


def _embedding(readings: Sequence[Reading]) -> Embeddings:
    return np.stack([reading.embedding for reading in readings])
