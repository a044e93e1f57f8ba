"""At which trigger adding rates is BaDe fairest, and are they the data's own? (BaDe, Figure 5)

TAR(n) is the share of trigger 0 among the examples of label n. The paper takes P(B = 0 | Y = n) from
the data; here both rates go over a grid, that of the positive label across, and the data's own are marked. TPE searches
between the grid's values too, and what searches of the grid's own points would have taken is told beside it.
"""

from fairray import cli, report
from fairray.methods.bade import trigger_adding_rate

POSITIVE, NEGATIVE = "method.tar_positive", "method.tar_negative"


def find_own_rates(data) -> tuple[float, float, float]:
    """P(B = 0 | Y = 1), P(B = 0 | Y = 0) and P(B = 0) of the training data."""
    negative, positive = trigger_adding_rate(data, 1.0).tolist()
    return positive, negative, trigger_adding_rate(data, 0.0)[0].item()


sections = (
    report.GridVerdict(POSITIVE, NEGATIVE, metric="odds", mark=find_own_rates),
    report.Heatmap(POSITIVE, NEGATIVE, metrics=("odds", "eacc"), mark=find_own_rates),
    report.Table(("odds", "eacc")),
    report.Replays(),
)

if __name__ == "__main__":
    cli.run_script(__file__)
