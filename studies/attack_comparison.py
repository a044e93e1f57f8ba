"""Which attack fools a classifier with the change that people see least?

Imperceptible Attacks, Tables 3.1 and 3.2, Figures 3.2 to 3.4: distances of the adversarial images and of their saliency
maps, image by image.
"""

from fairray import cli, report

DISTANCES = ("success", "l1", "l2", "linf", "lpips", "dists")
SALIENCY = ("saliency_l1", "saliency_l2", "saliency_linf", "saliency_ssim")
SEEN = ("perc_al", "ppgd", "lpa")  # what the paper finds to be perceived more, with a confidence of 1 too

sections = (
    report.AttackVerdict(ours="ours_a0"),
    report.AttackVerdict(ours="ours_a0", metrics=SALIENCY, title="Whose saliency maps change least"),
    report.AttackVerdict(ours="ours_a1", rivals=SEEN, title="Whether a = 1 is perceived less than PerC-AL, PPGD, LPA"),
    report.AttackVerdict(ours="printed_a0", rivals=("pgd_l2", *SEEN), title="Steps as long as the gradient, a = 0"),
    report.AttackVerdict(ours="printed_a1", rivals=SEEN, title="Steps as long as the gradient, a = 1"),
    report.AttackCosts(),
    report.AttackTable(DISTANCES),
    report.AttackTable(SALIENCY, title="Saliency"),
    report.Distributions(("dists", "lpips")),
    report.Dominance("ours_a0"),
    report.Gallery(),
)

if __name__ == "__main__":
    cli.run_script(__file__)
