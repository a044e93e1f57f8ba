"""How many adversarial images still fool the classifier after JPEG, or with fewer colours? (Imperceptible Attacks,
Figure 3.5)"""

from fairray import cli, report


def sections(results: report.Results) -> list[report.Section]:
    """What the report shows."""
    return [report.defences(results), report.attack_table(results, ("success", "lpips")), report.attack_costs(results)]


if __name__ == "__main__":
    cli.run_script(__file__)
