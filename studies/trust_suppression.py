"""Can a model be kept from learning other tasks than its own? (PreserveTask, Figures 5, 6, 7 and 15-19)

Gradient reversal and negative loss, each with the known labels of the suppressed tasks and with random ones; the
control has the heads on random labels without any reversal. grl_free has branches whose numbers of classes are those of
none of the tasks, as if nobody knew what is to be suppressed. At small scale all other tasks are suppressed at once and
negative loss has the known labels only, at paper scale they are suppressed one at a time.
"""

from fairray import cli, report

METRICS = ("accuracy", "leaked_accuracy")

sections = (
    report.TrustScores(),
    report.TrustMatrices(),
    report.TrustBars(),
    report.Verdict(METRICS),
    report.Table(METRICS),
    report.Probes(),
)

if __name__ == "__main__":
    cli.run_script(__file__)
