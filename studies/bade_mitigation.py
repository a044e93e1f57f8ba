"""Does BaDe mitigate a bias, and at what cost in accuracy? (BaDe, Table 1)

Standard training and BaDe by the paper's rule on the same seeds; at small scale on digits whose colour
or ground agrees with the label, at paper scale on CelebA.
"""

from fairray import cli, report

sections = (*report.comparison(), report.WhoPays())

if __name__ == "__main__":
    cli.run_script(__file__)
