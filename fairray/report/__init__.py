"""Tables, figures and verdicts of a study's records. Nothing here trains, and nothing else here plots."""

from fairray.report.figures import sweep, tradeoff
from fairray.report.page import write
from fairray.report.results import Results, Section
from fairray.report.tables import table, verdict

__all__ = ["Results", "Section", "sweep", "table", "tradeoff", "verdict", "write"]
