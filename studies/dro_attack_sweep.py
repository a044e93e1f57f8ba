"""Which attack is best to train with: how strong, how imperceptible, how confident?

Imperceptible Attacks, chapter 4 (its ablations over lambda and epsilon are in a supplement that is not public): lambda,
eps and the confidence a of the perceptual attack, chosen by β and accuracy on validation data.
"""

from fairray import cli, report

sections = (
    report.Pareto(x="beta", y="counted_accuracy"),
    report.Sweep(("beta", "counted_accuracy")),
    report.Table(("beta", "counted_accuracy", "accuracy")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
