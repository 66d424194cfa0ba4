"""The requests and the answers of the API, with examples; their values are checked by the pipeline.

The bounds below are there for the reader of the OpenAPI document. Types are checked here, values by
`captiongan.draw.prompts`, which says in words what is wrong with them, and by `Limits`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from captiongan.draw.prompts import MAX_BEST_OF, MAX_CHARACTERS, SEEDS
from captiongan.web.limits import Limits

LECTURE = "The flower has petals that are bright pinkish purple with white stigma"

PROMPT = {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS}
SEED = {"type": "integer", "minimum": 0, "maximum": SEEDS - 1}

Prompt = Annotated[str, WithJsonSchema(PROMPT)]
Seed = Annotated[int, WithJsonSchema(SEED)]
Share = Annotated[float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
Truncation = Annotated[
    float, WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    bundle: str | None = Field(None, description="Name of an open bundle; the default if left out.")
    truncation: Truncation = Field(1.0, description="Multiplies the noise; less for less variety.")


class GenerateRequest(_Request):
    """Pictures of one prompt or several, with seeds in order."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": LECTURE, "n": 4, "seed": 7}]}
    )

    prompt: Prompt | Annotated[list[Prompt], Field(json_schema_extra={"minItems": 1})] = Field(
        description="One sentence in a language of the bundle, or a list of them."
    )
    n: int = Field(
        1,
        description="Pictures of each prompt.",
        json_schema_extra={"minimum": 1, "maximum": Limits.n},
    )
    seed: Seed = Field(0, description="Seed of the first picture of each prompt.")
    around: Seed | None = Field(None, description="Draw variations of the picture of this seed.")
    strength: Share = Field(0.3, description="How far variations go.")
    best_of: int = Field(
        1,
        description="Candidates for each picture, of which the best is kept; above 1 the bundle "
        "needs a ranker, and each candidate counts as a picture.",
        json_schema_extra={"minimum": 1, "maximum": MAX_BEST_OF},
    )
    format: Literal["json", "png", "webp"] = Field(
        "json", description="JSON with every picture, or one picture: the only one, or a sheet."
    )


class InterpolateRequest(_Request):
    """The way from prompt to prompt, from seed to seed, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"prompts": ["a yellow flower", LECTURE], "seeds": [7], "steps": 9}]
        }
    )

    prompts: list[Prompt] = Field(json_schema_extra={"minItems": 1})
    seeds: list[Seed] = Field([0], json_schema_extra={"minItems": 1})
    steps: int = Field(
        9,
        description="Pictures from one stop to the next, both counted.",
        json_schema_extra={"minimum": 2, "maximum": Limits.steps},
    )
    fps: float = Field(
        12.0,
        description="Frames a second of a film.",
        json_schema_extra={"minimum": 1, "maximum": 50},
    )
    format: Literal["json", "png", "webp", "gif"] = Field(
        "json", description="JSON with every frame, the strip (png), or the film (webp, gif)."
    )


class ExplainRequest(_Request):
    """What each word of a prompt changes in its picture."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"prompt": LECTURE, "seed": 7}]})

    prompt: Prompt = Field(description="A sentence of two words at least.")
    seed: Seed = Field(0, description="Seed of the picture.")
    format: Literal["json", "png"] = Field(
        "json", description="JSON with a heat map for each word, or one strip of them."
    )


class PictureAnswer(BaseModel):
    """A picture: a PNG in base64, which carries all that draws it again."""

    prompt: str
    seed: int
    around: int | None = None
    strength: float | None = None
    mirrored: bool = Field(description="Whether it was turned left to right after it was drawn.")
    score: float | None = Field(None, description="Of the best of several; more is better.")
    png: str


class PromptAnswer(BaseModel):
    """How the text encoder read a prompt: its tokens, and why the picture may not show it all."""

    prompt: str
    tokens: list[str]
    unknown_words: list[str] = Field(description="Words that the text encoder hardly knows.")
    suggestions: dict[str, str] = Field(
        description="For some of these, a similar word of the training captions."
    )
    weak_words: list[str] = Field(
        description="Words that negate or count; pictures hardly follow these."
    )
    off_topic: bool = Field(
        description="Whether it is about something else than the training captions."
    )
    gloss: str = Field("", description="The prompt word by word in English, if it is Vietnamese.")
    cut: bool = Field(description="Whether there were more tokens than are read.")


class GenerateAnswer(BaseModel):
    """The pictures, prompt by prompt, seeds in order."""

    bundle: str
    version: str
    truncation: float
    pictures: list[PictureAnswer]
    prompts: list[PromptAnswer]
    milliseconds: float = Field(description="From the request's arrival to the answer.")


class InterpolateAnswer(BaseModel):
    """The frames from the first stop to the last, each a PNG in base64."""

    bundle: str
    version: str
    prompts: list[str]
    seeds: list[int]
    steps: int
    truncation: float
    mirrored: bool = Field(description="Whether all frames were turned left to right.")
    frames: list[str]
    milliseconds: float = Field(description="From the request's arrival to the answer.")


class WordAnswer(BaseModel):
    """How the picture changes if one word is left out; the pictures are PNGs in base64."""

    word: str
    strength: float = Field(description="Change averaged over the picture, in levels of 0 to 255.")
    change: str = Field(description="Grey; its values are the change at each place, in levels.")
    heat: str = Field(description="The change as heat over the picture.")


class ExplainAnswer(BaseModel):
    """The picture of the whole prompt, and what each of its words changes."""

    bundle: str
    version: str
    truncation: float
    picture: PictureAnswer
    words: list[WordAnswer]
    milliseconds: float = Field(description="From the request's arrival to the answer.")


class TextEncoderFacts(BaseModel):
    """Which text encoder, to the last bit."""

    name: str
    sha256: str


class BundleFacts(BaseModel):
    """An open bundle."""

    name: str
    version: str
    resolution: int
    noise_dim: int
    shipped: bool = Field(description="Whether it came with captiongan, known by its name alone.")
    ranks: bool = Field(description="Whether it can keep the best of several pictures.")
    languages: list[str] = Field(description="That it reads, by their ISO codes.")
    examples: list[str] = Field(description="Prompts to start from.")
    text_encoder: TextEncoderFacts
    training: dict[str, str | int | float]


class BundlesAnswer(BaseModel):
    """The open bundles, and how much can be asked for at once."""

    default: str
    bundles: list[BundleFacts]
    limits: dict[str, int | float]


class Health(BaseModel):
    """That the server answers."""

    status: Literal["ok"] = "ok"
    captiongan: str


class ErrorFacts(BaseModel):
    """What is wrong, in one line, and the field that is to blame if it is one."""

    message: str
    field: str | None


class ErrorAnswer(BaseModel):
    """Every error has this form."""

    error: ErrorFacts


def errors(**reasons: str) -> dict[int | str, dict[str, Any]]:
    """Document error answers: `_422="why"` and so on."""
    return {
        int(status[1:]): {"model": ErrorAnswer, "description": why}
        for status, why in reasons.items()
    }
