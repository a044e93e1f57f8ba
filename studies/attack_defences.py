"""How many adversarial images still fool the classifier after JPEG, or with fewer colours? (Imperceptible Attacks,
Figure 3.5)"""

from fairray import cli, report

sections = (report.Defences(), report.AttackTable(("success", "lpips")), report.AttackCosts())

if __name__ == "__main__":
    cli.run_script(__file__)
