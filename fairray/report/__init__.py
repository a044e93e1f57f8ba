"""Tables, figures and verdicts of a study's records. Nothing here trains, and nothing else here plots."""

from fairray.report.figures import sweep, tradeoff
from fairray.report.page import write
from fairray.report.section import Section
from fairray.report.tables import table, verdict
from fairray.results import Results

__all__ = ["Results", "Section", "sweep", "table", "tradeoff", "verdict", "write"]
