"""Does BaDe help a regression, and a task of more than two classes? (BaDe, Table 5)

Squared error and accuracy, over all and by group; at small scale age ~ sex on Adult, at paper scale age ~ race
on UTKFace.
"""

from fairray import cli, report

METRICS = ("mse", "mse_difference", "accuracy", "odds", "eacc")

sections = (
    report.Verdict(METRICS),
    report.ByGroup("group_mse"),
    report.ByGroup("group_accuracy"),
    report.Table(METRICS),
)

if __name__ == "__main__":
    cli.run_script(__file__)
