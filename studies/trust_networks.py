"""How much do networks learn beyond the task that they are trained for? (PreserveTask, Figures 5 and 9-14)

A model is trained for each of five tasks of generated images, and probed for all five; a method of this study is a
network.
"""

from fairray import cli, report

sections = (report.TrustScores(), report.TrustMatrices(), report.TrustBars(), report.Probes(), report.Samples())

if __name__ == "__main__":
    cli.run_script(__file__)
