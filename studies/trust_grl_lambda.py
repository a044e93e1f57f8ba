"""How much of its own accuracy does a model pay for forgetting another task? (PreserveTask, equation 1)

Lambda weighs the preserved task against the suppressed one; it goes over a grid, and Optuna searches it for the front
between preserved and leaked accuracy. The paper prints no value of it.
"""

from fairray import cli, report

METRICS = ("accuracy", "leaked_accuracy")

sections = (
    report.Verdict(METRICS),
    report.Pareto(x="accuracy", y="leaked_accuracy"),
    report.Sweep(METRICS),
    report.Table((*METRICS, "trust")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
