"""Is a bias implanted by triggers as strong as the data's own? (BaDe, section 3 and Figure 3)

For every pair of a target and another attribute: the Odds between groups of a standard model, and the
Odds between triggers of a model whose triggers occur with the labels as the groups do; and the same of EAcc. (The paper
prints two scatter plots only.)
"""

from fairray import cli, report

sections = (
    report.Scatter(x="data_bias", y="artificial_bias"),
    report.Scatter(x="eacc", y="artificial_eacc"),
    report.Table(("data_bias", "artificial_bias", "eacc", "artificial_eacc")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
