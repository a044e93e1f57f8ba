"""What do lambda, the step and the confidence of the perceptual attack buy? (Imperceptible Attacks, Algorithm 3.1)

Success against a perceptual distance, over a grid and searched by Optuna, beside PGD with steps of several lengths.
"""

from fairray import cli, report


def sections(results: report.Results) -> list[report.Section]:
    """What the report shows."""
    success, cost = results.study.objectives
    return [
        report.pareto(results, x=cost, y=success),
        report.attack_table(results, (success, cost, "dists", "l2")),
        report.sweep(results, (success, cost)),
        report.attack_costs(results),
    ]


if __name__ == "__main__":
    cli.run_script(__file__)
