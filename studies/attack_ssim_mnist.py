"""Does one step that is bent by the Hessian of SSIM keep a digit's structure better than one step of PGD?

Imperceptible Attacks, equation 3.4 and Figure 3.1: original, one-step SSIM and one-step PGD of equal length. Structure
is measured by SSIM, and by a second network that reads the digits.
"""

from fairray import cli, report


def sections(results: report.Results) -> list[report.Section]:
    """What the report shows."""
    metrics = ("success", "judged", "ssim", "l2")
    return [
        report.gallery(results, images=6, methods=("ssim_one_step", "pgd_one_step")),
        report.attack_table(results, metrics),
        report.pareto(results, x="ssim", y="success"),
        report.sweep(results, metrics),
    ]


if __name__ == "__main__":
    cli.run_script(__file__)
