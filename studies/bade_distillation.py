"""Does it matter by which loss, and at which temperature, BaDe distils its student? (BaDe, Table 6 and Figure 6)

All arms imitate the same teachers, which are trained once.
"""

from fairray import cli, report


def sections(results: report.Results) -> list[report.Section]:
    """What the report shows."""
    return [
        report.verdict(results, metrics=("odds", "eacc")),
        report.table(results, metrics=("odds", "eacc")),
        report.sweep(results, metrics=("odds", "eacc")),
    ]


if __name__ == "__main__":
    cli.run_script(__file__)
