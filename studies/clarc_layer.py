"""At which layer should a concept be unlearnt, and does a search find it with fewer trials than a grid?

RR-ClArC's layer is the last convolution; its successors try others.
"""

from fairray import cli, report

METRICS = ("attacked_accuracy", "clean_accuracy")

sections = (
    report.Pareto(x="clean_accuracy", y="attacked_accuracy"),
    report.Verdict(METRICS),
    report.Table((*METRICS, "tcav_sensitivity", "probe_logits")),
    report.Sweep(METRICS),
)

if __name__ == "__main__":
    cli.run_script(__file__)
