"""Does BaDe help a regression, and a task of more than two classes? (BaDe, Table 5)

Squared error and accuracy, over all and by group; at small scale age ~ sex on Adult, at paper scale age ~ race
on UTKFace.
"""

from fairray import cli, report


def sections(results: report.Results) -> list[report.Section]:
    """What the report shows."""
    return [
        report.verdict(results, metrics=("mse", "mse_difference", "accuracy", "odds", "eacc")),
        report.by_group(results, metric="group_mse"),
        report.by_group(results, metric="group_accuracy"),
        report.table(results, metrics=("mse", "mse_difference", "accuracy", "odds", "eacc")),
    ]


if __name__ == "__main__":
    cli.run_script(__file__)
