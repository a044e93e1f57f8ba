"""Does a classifier read photographs from poorer countries worse?

Imperceptible Attacks, chapter 4, Figure 4.1: accuracy by country against log GDP per capita, with the F-test of the
slope, and the countries' shares of images.
"""

from fairray import cli, report

sections = (
    report.CovariateLine(),
    report.Table(("beta", "counted_accuracy", "accuracy", "worst_group_accuracy")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
