"""Does one step that is bent by the Hessian of SSIM keep a digit's structure better than one step of PGD?

Imperceptible Attacks, equation 3.4 and Figure 3.1: original, one-step SSIM and one-step PGD of equal length. Structure
is measured by SSIM, and by a second network that reads the digits.
"""

from fairray import cli, report

METRICS = ("success", "judged", "ssim", "l2")

sections = (
    report.AttackVerdict("ssim_one_step", ("ssim",), success=0.8, rivals=("pgd_one_step",), title="Structure"),
    report.Gallery(images=6, methods=("ssim_one_step", "pgd_one_step")),
    report.AttackTable(METRICS),
    report.Pareto(x="ssim", y="success"),
    report.Sweep(METRICS),
)

if __name__ == "__main__":
    cli.run_script(__file__)
