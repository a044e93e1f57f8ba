"""Which of seven methods mitigates the bias of images best? (BaDe, Table 2)

Six tasks, three targets with two attributes each; at small scale on digits, at paper scale on CelebA.
"""

from fairray import cli, report


def sections(results: report.Results) -> list[report.Section]:
    """What the report shows."""
    return report.comparison(results)


if __name__ == "__main__":
    cli.run_script(__file__)
