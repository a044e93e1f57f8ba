"""Do objectives that one would take today lower the dependence of accuracy on income?

Beside chapter 4 of Imperceptible Attacks: group DRO over countries (Sagawa et al., 2020), CVaR and chi-square DRO (Levy
et al., 2020), which look at losses instead of attacks.
"""

from fairray import cli, report

METRICS = ("beta", "counted_accuracy")

sections = (
    report.Verdict(METRICS),
    report.BetaTests(),
    report.Table((*METRICS, "accuracy")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
