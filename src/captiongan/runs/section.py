"""What a section of the options of a run is made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Weight = Annotated[float, Field(ge=0)]
"""The weight of a term of a loss; 0 leaves the term out."""


def one_of(*choices: object) -> AfterValidator:
    """Accept only these values; the error names all of them."""

    def check(value: object) -> object:
        if value not in choices:
            *others, last = map(str, choices)
            raise ValueError(f"must be {', '.join(others)} or {last}")
        return value

    return AfterValidator(check)


class Section(BaseModel):
    """A group of options: checked, frozen, without unknown names."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
