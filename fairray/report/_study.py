"""What a study's report shows, and writing it where the study says."""

from fairray import catalogue, members
from fairray.errors import BadInput
from fairray.report import Section
from fairray.report._page import Report, write
from fairray.report.table import Table
from fairray.report.tradeoff import Tradeoff
from fairray.report.verdict import Verdict
from fairray.results import Results
from fairray.study import Study

__all__ = ["comparison", "load_sections", "write_report"]


def comparison(x: str = "odds", y: str = "eacc") -> tuple[Section, ...]:
    """What most studies show: methods side by side, in words, in a table and in the plane of bias and accuracy."""
    return Verdict((x, y)), Table((x, y)), Tradeoff(x, y)


def write_report(results: Results) -> Report:
    """The report of a study, in its folder. Raises BadInput where the study's script names no sections."""
    study = results.study
    return write(results, load_sections(study), study.launch.folder / "reports" / study.name / study.scale)


def load_sections(study: Study) -> tuple[Section, ...]:
    """The `sections` of the study's script; a study without one gets its objectives, in words and in a table."""
    path = catalogue.script(study.name)
    if path is None:
        return Verdict(), Table()
    sections = getattr(members.file(path), "sections", None)
    if not isinstance(sections, tuple | list):
        raise BadInput(str(path), "it names no sections", "sections = (report.Verdict(), report.Table())")
    return tuple(sections)
