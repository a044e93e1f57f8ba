"""How much of what an artefact takes does each correction win back, and what does it cost on clean images?

RR-ClArC against RRR, A-ClArC, P-ClArC, reactive P-ClArC and last-layer retraining; lambda chosen on validation images.
A probe says whether one direction was enough to take the artefact out.
"""

from fairray import cli, report

METRICS = ("attacked_accuracy", "clean_accuracy")

sections = (
    report.Unlearning(),
    report.Verdict(METRICS),
    report.Table((*METRICS, "lost", "tcav", "tcav_sensitivity", "probe_activations", "probe_logits", "relevance")),
    report.Sweep((*METRICS, "tcav_sensitivity")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
