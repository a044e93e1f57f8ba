"""What does an epoch of each correction cost, beside one that corrects nothing?

RR-ClArC, Table A.6, whose baseline is the epoch with lambda = 0; and what is saved where the activations of the layer
are kept instead of computed anew.
"""

from fairray import cli, report

sections = (
    report.EpochSeconds(),
    report.Table(("attacked_accuracy", "clean_accuracy")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
