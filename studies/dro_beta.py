"""Does DRO training with imperceptible attacks lower the dependence of accuracy on income more than with PGD?

Imperceptible Attacks, chapter 4, Figure 4.2: 50 models fine-tuned from each theta_0 on the images that Algorithm 4.1
made once; β of each, tested against theta_0 and between the attacks, over seeds as printed and over theta_0.
"""

from fairray import cli, report

sections = (report.BetaTests(),)

if __name__ == "__main__":
    cli.run_script(__file__)
