"""What most studies show: methods side by side, in words, in a table and in the plane of bias and accuracy."""

from fairray.report.figures import tradeoff
from fairray.report.section import Section
from fairray.report.tables import table, verdict
from fairray.results import Results

__all__ = ["comparison"]


def comparison(results: Results, x: str = "odds", y: str = "eacc") -> list[Section]:
    """Verdict, table and figure of two metrics."""
    return [verdict(results, (x, y)), table(results, (x, y)), tradeoff(results, x, y)]
