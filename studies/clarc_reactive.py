"""Does it harm less to take artefacts out only where they are found, as there are more of them?

Reactive Model Correction (Bareeva et al., CVPR-W 2024): projecting always against projecting under a condition, as the
number of suspected artefacts grows.
"""

from fairray import cli, report

METRICS = ("clean_accuracy", "attacked_accuracy")
NUMBERS = range(1, 5)  # of artefacts

sections = (
    report.Verdict(METRICS, tuple((f"artefact_{n}", f"always_{n}") for n in NUMBERS), "Only where they are found"),
    report.ArtefactHarm(METRICS),
    report.Verdict(METRICS),
    report.Table((*METRICS, "lost", "collapsed", "probe_activations")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
