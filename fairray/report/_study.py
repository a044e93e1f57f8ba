"""What a study's report shows, and writing it where the study says."""

from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any

from fairray import catalogue, members
from fairray.contrast import Found
from fairray.errors import BadInput, said_of
from fairray.report import Section
from fairray.report._page import Report, write
from fairray.report.across_tasks import AcrossTasks
from fairray.report.by_group import ByGroup
from fairray.report.forest import Forest
from fairray.report.intervals import Intervals
from fairray.report.table import Table
from fairray.report.tradeoff import Tradeoff
from fairray.report.verdict import Verdict
from fairray.report.who_pays import WhoPays
from fairray.results import Results
from fairray.study import Study

__all__ = ["comparison", "inspection", "load_sections", "review", "write_report"]

MEASURED = ("worst_group_accuracy", "accuracy", "eacc", "odds")
EXAMPLE = "sections = (report.Verdict(), report.Table())"


def comparison(x: str = "odds", y: str = "eacc") -> tuple[Section, ...]:
    """What most studies show: methods side by side, in words, by differences, in a table and in a plane."""
    return Verdict((x, y)), Forest((x, y)), Table((x, y)), Tradeoff(x, y)


def inspection(study: Study) -> tuple[Section, ...]:
    """What is shown of scores that were made elsewhere; methods side by side where there are several."""
    whole: tuple[str, ...] = ("odds", "eacc", "accuracy", "worst_group_accuracy")
    by_group: tuple[str, ...] = ("group_accuracy",)
    problems = {data.problem for data in study.datasets().values()}
    if problems == {"regression"}:
        whole, by_group = study.objectives, ("group_rmse",)
    if problems == {"binary"}:
        whole += ("demographic_parity_difference", "equalized_odds_difference", "auc")
        by_group += ("true_positive_rate", "true_negative_rate", "positive_rate")
    compared: tuple[Section, ...] = (Verdict(), WhoPays()) if study.baseline else ()
    return Intervals(whole), *compared, Table(whole), Tradeoff(), *map(ByGroup, by_group)


def review() -> tuple[Section, ...]:
    """What is shown of results that another benchmark wrote, of which there are no predictions here."""
    return Verdict(), Forest(), Table(MEASURED), AcrossTasks()


def write_report(results: Results, sections: Sequence[Section]) -> Report:
    """Write the report of a study in its folder. sections: of the study, see `load_sections`."""
    study = results.study
    return write(results, sections, study.folder, Found.of(results).files)


def load_sections(study: Study) -> tuple[Section, ...]:
    """The `sections` of the study's script; a study without one gets its objectives, in words and in a table.

    Raises BadInput where it names none, or something else.
    """
    path = catalogue.script(study.name)
    if path is None:
        return Verdict(), Table()
    sections = getattr(members.file(path), "sections", None)
    if not isinstance(sections, tuple | list) or not sections:
        raise BadInput(str(path), "it names no sections", EXAMPLE)
    return tuple(_check(section, f"{path}, sections[{place}]") for place, section in enumerate(sections))


def _check(section: Any, where: str) -> Section:
    """The section, its fields of their types. Raises BadInput for what is none."""
    is_section = is_dataclass(section) and not isinstance(section, type) and {"title", "__call__"} <= {*dir(section)}
    if not is_section:
        raise BadInput(where, f"it is {section!r}, which is no section", EXAMPLE)
    with said_of(where):
        return members.checked(type(section), section)
