"""Does it harm less to take artefacts out only where they are found, as there are more of them?

Reactive Model Correction (Bareeva et al., CVPR-W 2024): projecting always against projecting under a condition, as the
number of suspected artefacts grows.
"""

from fairray import cli, report

METRICS = ("clean_accuracy", "attacked_accuracy")

sections = (
    report.ArtefactHarm(METRICS),
    report.Verdict(METRICS),
    report.Table((*METRICS, "lost", "collapsed", "probe_activations")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
