"""Which of seven methods mitigates the bias of images best? (BaDe, Table 2)

Six tasks, three targets with two attributes each; at small scale on digits, at paper scale on CelebA.
"""

from fairray import cli, report

sections = (*report.comparison(), report.AcrossTasks(("odds", "eacc")), report.WhoPays())

if __name__ == "__main__":
    cli.run_script(__file__)
