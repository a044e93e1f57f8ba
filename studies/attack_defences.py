"""How many adversarial images still fool the classifier after JPEG, or with fewer colours? (Imperceptible Attacks,
Figure 3.5)"""

from fairray import cli, report

OTHERS = ("perc_al", "pgd_l2", "ppgd", "lpa")

sections = (
    report.Defences(),
    report.Survival("ours_a1", rivals=("perc_al",), title="Whether a = 1 survives better than PerC-AL"),
    report.Survival("ours_a5", rivals=OTHERS, title="Whether a = 5 survives best"),
    report.AttackTable(("success", "lpips")),
    report.AttackCosts(),
)

if __name__ == "__main__":
    cli.run_script(__file__)
