"""What do lambda, the step and the confidence of the perceptual attack buy? (Imperceptible Attacks, Algorithm 3.1)

Success against a perceptual distance, over a grid and searched by Optuna, beside PGD with steps of several lengths.
"""

from fairray import cli, report

sections = (
    report.AttackVerdict("ours_normalised", ("lpips",), 0.8, ("pgd_l2", "ours_printed"), "What the best points buy"),
    report.Pareto(),
    report.AttackTable(("success", "lpips", "ssim", "dists", "l2")),
    report.Sweep(),
    report.AttackCosts(),
)

if __name__ == "__main__":
    cli.run_script(__file__)
