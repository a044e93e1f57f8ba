"""What does a network that reads digits tell of their colours, before and after suppression? (PreserveTask, Figure 8)

Digits, their ink and their ground are three tasks that say nothing of each other; the features of 392 test images are
laid out in a plane.
"""

from fairray import cli, report

sections = (
    report.TrustScores(),
    report.TrustMatrices(),
    report.TrustBars(),
    report.Embedding(),
    report.Probes(),
    report.Samples(),
)

if __name__ == "__main__":
    cli.run_script(__file__)
