"""Which method lowers bias, and what does it cost in accuracy? (BaDe, Table 3)

Every method on every task, with the same seeds: Odds (lower is fairer) and EAcc (higher is better),
beside the values the paper prints. `bade` follows the paper's rule. Whatever can be tuned has a second
row, NAME_tuned: the best of four points on validation data, by other seeds than those reported.
"""

from fairray import cli, report

sections = (
    *report.comparison(),
    report.Intervals(("odds", "eacc")),
    report.WhoPays(),
    report.Sweep(("odds", "eacc")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
