"""Which attack fools a classifier with the change that people see least?

Imperceptible Attacks, Tables 3.1 and 3.2, Figures 3.2 to 3.4: distances of the adversarial images and of their saliency
maps, image by image.
"""

from fairray import cli, report

DISTANCES = ("success", "l1", "l2", "linf", "lpips", "dists")
SALIENCY = ("saliency_l1", "saliency_l2", "saliency_linf", "saliency_ssim")

sections = (
    report.AttackVerdict(ours="ours_a0"),
    report.AttackCosts(),
    report.AttackTable(DISTANCES),
    report.AttackTable(SALIENCY, title="Saliency"),
    report.Distributions(("dists", "lpips")),
    report.Gallery(),
)

if __name__ == "__main__":
    cli.run_script(__file__)
