"""The values that model and protocol files are made of: numbers, names, parameters and start values, strictly read."""

from __future__ import annotations

import re
import reprlib
import sys
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from dpap_bio import units


def as_name(value: str) -> str:
    """The text, if it may name something in a file."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", value):
        wanted = "small letters, digits and _ are wanted, a letter first, at most 31"
        raise ValueError(f"{value[:40]!r} is no name: {wanted}")
    return value


def _finite(value: float) -> float:
    if not abs(value) <= sys.float_info.max:
        raise ValueError(f"found {str(value)[:20]}, a finite number is wanted")
    return value


def _line(value: str) -> str:
    if not value.isprintable():
        raise ValueError(f"found {value!r}, printable characters on one line are wanted")
    return value


def _scalar(value):
    if isinstance(value, str) and len(value) <= 100:
        return _line(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value)
    raise ValueError(f"found {reprlib.repr(value)[:60]}, a number or a short text is wanted")


Name = Annotated[str, AfterValidator(as_name)]
Number = Annotated[float, AfterValidator(_finite)]
NumberOrGap = Annotated[float, AfterValidator(lambda value: value if value != value else _finite(value))]
Word = Annotated[str, Field(max_length=100), AfterValidator(_line)]
Text = Annotated[str, Field(max_length=4000)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True, str_max_length=4000)


class Parameter(Strict):
    """A number with a meaning: value, unit, and where it is from (`source`) or why it is so (`chosen`)."""

    value: Number
    unit: Word
    source: Word | None = None
    chosen: str | None = None
    evidence: Literal["verified", "from memory", "computed"] | None = None
    range: tuple[Number, Number] | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _check(self):
        if (self.source is None) == (self.chosen is None):
            raise ValueError("exactly one of source (a key of references.bib) and chosen (the reason) is wanted")
        if not abs(self.si) <= sys.float_info.max:
            raise ValueError(f"found {self.value:g} {self.unit}, which is too large")
        if self.range is not None and not self.range[0] <= self.value <= self.range[1]:
            raise ValueError(f"value {self.value} lies outside its range {self.range[0]}..{self.range[1]}")
        return self

    @property
    def si(self) -> float:
        """The value in SI units."""
        return units.to_si(self.value, self.unit)


def _kind(value) -> str:
    return "(number)" if isinstance(value, int | float) else "(text)" if isinstance(value, str) else "(table)"


_IsNumber, _IsName = Annotated[Number, Tag("(number)")], Annotated[Name, Tag("(text)")]
_TextOrNumber = Discriminator(lambda value: "(text)" if isinstance(value, str) else "(number)")
NumberOrName = Annotated[_IsNumber | _IsName, _TextOrNumber]
Scalar = Annotated[Any, AfterValidator(_scalar)]
NumberOrText = Annotated[_IsNumber | Annotated[Word, Tag("(text)")], _TextOrNumber]


class Start(Strict):
    """How a variable starts in a new neuron or synapse: drawn from a distribution over numbers or parameters."""

    uniform: tuple[NumberOrName, NumberOrName] | None = Field(default=None, strict=False)
    normal: tuple[NumberOrName, NumberOrName] | None = Field(default=None, strict=False)
    lognormal: tuple[NumberOrName, NumberOrName] | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _one(self):
        if sum(x is not None for x in (self.uniform, self.normal, self.lognormal)) != 1:
            raise ValueError("one of uniform = [low, high], normal = [mean, sd], lognormal = [median, sigma] is wanted")
        return self

    @property
    def kind(self) -> str:
        return next(k for k in ("uniform", "normal", "lognormal") if getattr(self, k) is not None)

    @property
    def arguments(self) -> tuple[float | str, float | str]:
        return getattr(self, self.kind)


Starts = dict[
    Word, Annotated[_IsNumber | _IsName | Annotated[Start, Tag("(table)")], Discriminator(_kind)]
]


def start_names(start) -> set[str]:
    """The parameters that a start value mentions."""
    if isinstance(start, Start):
        return {a for a in start.arguments if isinstance(a, str)}
    return {start} if isinstance(start, str) else set()
