"""Does BaDe work whatever the network is? (BaDe, Table 7)

The same task with five backbones, from scratch; a task of this study is a backbone.
"""

from fairray import cli, report

sections = report.comparison()

if __name__ == "__main__":
    cli.run_script(__file__)
