"""Results of a study that nobody ran: what tests of verdicts, tables and figures are about."""

from types import SimpleNamespace

import pandas as pd

from fairray import report
from fairray.rules import Selection


def results_of(*runs, **study):
    """Of trials with their records, what a study found that says of itself no more than `study`."""
    said = {
        "baseline": None,
        "printed": None,
        "printed_tasks": {},
        "left_out": {},
        "margins": {},
        "splits": 1,
        "confirm": 0,
        "objectives": ("odds", "mse", "gap"),
        "selection": Selection(),
        "arms": lambda: iter(()),
    }
    records = pd.DataFrame([row for _, rows in runs for row in rows])
    return report.Results(SimpleNamespace(**said | study), records, [trial for trial, _ in runs], {})
