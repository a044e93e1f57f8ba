"""Which way of finding a concept's vector points where the artefact truly moves the activations?

RR-ClArC, sections A.2 to A.5: regressions and machines that separate, against the pattern (signal), against the true
change of activations between the same images without the artefact and with it.
"""

from fairray import cli, report

sections = (
    report.Verdict(("alignment_overall",)),
    report.Table(("alignment", "alignment_overall", "cav_auroc", "separability")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
