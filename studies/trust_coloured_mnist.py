"""What does a network that reads digits tell of their colours, before and after suppression? (PreserveTask, Figure 8)

Digits, their ink and their ground are three tasks that say nothing of each other; the features of 392 test images are
laid out in a plane.
"""

from fairray import cli, report


def sections(results: report.Results) -> list[report.Section]:
    """What the report shows."""
    return [
        report.trust_scores(results),
        report.trust_matrices(results),
        report.embedding(results),
        report.probed(results),
        report.samples(results),
    ]


if __name__ == "__main__":
    cli.run_script(__file__)
