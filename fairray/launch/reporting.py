"""The report of a study, from its results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairray import catalogue, members, report
from fairray.results import Results
from fairray.study import Study

__all__ = ["write_report"]


def write_report(results: Results) -> list[Path]:
    """Write the report where the study puts it; its files, the page first."""
    study = results.study
    folder = study.launch.folder / "reports" / study.name / study.scale
    return report.write(results, _sections(study)(results), folder)


def _sections(study: Study) -> Callable[[Any], Any]:
    """What the study's script shows; a study without one gets its objectives in a table and a figure."""
    path = catalogue.script(study.name)
    if path is None:
        metrics = tuple(study.objectives)
        return lambda results: [report.verdict(results, metrics), report.table(results, metrics)]
    return members.file(path).sections
