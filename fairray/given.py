"""A study of scores that were made elsewhere, of which nothing is trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairray import members
from fairray.datasets._scores import Columns, Scores, read
from fairray.errors import placed, unknown
from fairray.methods._given import Given
from fairray.networks._absent import Absent
from fairray.space import Template
from fairray.stages import Numerics
from fairray.study import Launch, Search, Study

__all__ = ["ask", "declare"]


def ask(
    path: Path, columns: Mapping[str, str], output: str, name: str, baseline: str | None = None, **said: Any
) -> Study:
    """Do these scores differ by group, and between methods?

    columns: names of columns by what they serve for (`Columns`). name: of the study. baseline: the method that others
    are compared with (default: the first of the table). said: what else `Scores` may be told.
    Raises BadInput where the table cannot be used.
    """
    with placed(lambda field: f"argument ({field})"):
        scores = members.checked(Scores, {"path": path, "columns": members.checked(Columns, columns), **said})
        reading = read(scores)
        if baseline is not None and baseline not in reading.methods:
            raise unknown("baseline", "method of these scores", baseline, reading.methods)
    seeds = len(reading.seeds)
    return declare(
        name,
        output,
        question=f"Does what was predicted of {scores.columns.y} differ by {scores.columns.group}?",
        tasks={name: scores},
        methods={method: Template(Given(scores=scores, method=method)) for method in reading.methods},
        seeds=seeds,
        splits=1 if reading.shared else seeds,
        objectives=("rmse", "rmse_difference") if scores.regression else ("eacc", "odds"),
        baseline=(baseline or reading.methods[0]) if len(reading.methods) > 1 else None,
    )


def declare(name: str, output: str, **own: Any) -> Study:
    """A study of which nothing is trained. own: what else `Study` is told."""
    return Study(
        name=name,
        scale="given",
        network=Template(Absent()),
        training=Template({}),
        numerics=Numerics(),
        search=Search(),
        launch=Launch(executor="local", tracking="none", output=output),
        **own,
    )
