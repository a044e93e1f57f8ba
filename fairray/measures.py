"""Measures: what a number in the records is called, its unit, which way is better, and which problems have it.

Each is declared where it is made: `@measure(...)` on a metric, `measures = (Measure(...), ...)` in a stage. Records,
and all that is computed of them, hold values as measured; `Unit` is the one place that turns them into printed ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from fairray.errors import BadInput, unknown

__all__ = [
    "NOT_NEGATIVE", "NUMBER", "PERCENT", "SUM", "THOUSANDTHS", "Measure", "Problem", "Unit", "find", "find_alarm",
    "measure",
]  # fmt: skip

Problem = Literal["binary", "multiclass", "regression"]
PROBLEMS: tuple[Problem, ...] = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Unit:
    """How values are printed.

    label: what stands behind a measure's title. factor: that values are multiplied by. decimals: of a printed value.
    digits: of a small value that are printed at least, where its decimals would show fewer.
    """

    label: str = ""
    factor: float = 1.0
    decimals: int = 4
    digits: int = 2

    def express(self, value: Any) -> Any:
        """A measured value in this unit; likewise each of an array or a series."""
        return value * self.factor

    def write(self, value: float, sign: str = "") -> str:
        """A value that is in this unit already, as text. sign: "+" shows a plus too."""
        small = self.digits and 0 < abs(value) < 10 ** (self.digits - 1 - self.decimals)
        return f"{value:{sign}#.{self.digits}g}" if small else f"{value:{sign}.{self.decimals}f}"


PERCENT = Unit(" (%)", 100.0, 2, 0)
THOUSANDTHS = Unit(" (×1000)", 1000.0, 2)
NUMBER = Unit()
SUM = Unit(decimals=2)  # over all pixels: not small
UNBOUNDED = (-math.inf, math.inf)
NOT_NEGATIVE = (0.0, math.inf)


@dataclass(frozen=True)
class Measure:
    """A number that stages make. name: in the records. title: in print; best: which values are better.

    problems: that have it. covariate: whether only data have it whose groups have a covariate. margin: the largest
    difference that does not matter unless a study says otherwise, as measured; see `margin_beside`. bounds: what values
    lie between; a percentage is one of 0 to 1 unless it says otherwise. alarm: what is wrong with a trial that has more
    of it than soundness.py lets pass, which is then no result. by_group: whether it is made of rates of groups, which
    few rows make rough.
    Raises BadInput where another measure of this name is declared otherwise.
    """

    name: str
    title: str = ""
    unit: Unit = PERCENT
    best: Literal["high", "low"] = "high"
    problems: tuple[Problem, ...] = PROBLEMS
    covariate: bool = False
    margin: float | None = None
    bounds: tuple[float, float] | None = None
    alarm: str = ""
    by_group: bool = False

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", self.name.replace("_", " ").replace("mse", "MSE"))
        if _known.setdefault(self.name, self) != self:
            problem = f"it is declared as {self} and as {_known[self.name]}"
            raise BadInput(f"measure {self.name}", problem, "give one of the two another name")

    def suits(self, problem: Problem, covariate: bool) -> bool:
        """Whether data have it. covariate: whether their groups have one."""
        return problem in self.problems and (covariate or not self.covariate)

    def margin_beside(self, value: float) -> float:
        """The margin about a value: its own, else one point of a percentage, else a twentieth of the value."""
        if self.margin is not None:
            return self.margin
        return 0.01 if self.unit == PERCENT else abs(value) / 20

    @property
    def range(self) -> tuple[float, float]:
        """Between what values lie."""
        return self.bounds or ((0.0, 1.0) if self.unit == PERCENT else UNBOUNDED)

    @property
    def sign(self) -> int:
        """1 where high values are better, -1 where low ones are: a value times this is to be high."""
        return 1 if self.best == "high" else -1

    @property
    def better(self) -> str:
        """Which of two values is better, in a word."""
        return f"{self.best}er"


_known: dict[str, Measure] = {}


def measure(title: str = "", **more: Any) -> Callable[[Callable[..., Any]], Any]:
    """Says of a metric what it is called and the rest of `Measure`; unless said, it is for binary labels, by group."""

    def mark(metric: Callable[..., Any]) -> Callable[..., Any]:
        told = {"problems": ("binary",), "by_group": True, **more}
        metric.__dict__["measure"] = Measure(metric.__name__, title, **told)
        return metric

    return mark


def find(name: str) -> Measure:
    """The measure of a name in the records. Raises BadInput where nothing that is loaded declares it."""
    if name not in _known:
        raise unknown("measures", "measure", name, _known)
    return _known[name]


def find_alarm(name: str) -> str:
    """What much of a measure says is wrong; nothing of most measures."""
    return _known[name].alarm if name in _known else ""
