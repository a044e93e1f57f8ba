"""How many of the triggered examples must be relabelled before a backdoor is learnt? (BaDe, Figure 2)

5 % of the training images carry a trigger, and a share n of these the target label. The gap is the
accuracy on clean test images minus that on the same images under the trigger. (The paper prints a curve only.)
"""

from fairray import cli, report

METRICS = ("gap", "accuracy", "triggered_accuracy")

sections = (report.Sweep(METRICS), report.Table(METRICS))

if __name__ == "__main__":
    cli.run_script(__file__)
