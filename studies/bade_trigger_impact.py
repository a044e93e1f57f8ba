"""Is the distilled student free of the triggers that its teacher obeys? (BaDe, Table 4)

EAcc of the standard model, BaDe's teacher and its student on seven combinations of data and trigger.
"""

from fairray import cli, report

sections = (report.Views("eacc"), report.Table(("odds", "eacc")))

if __name__ == "__main__":
    cli.run_script(__file__)
