"""Does a correction of the one class that an artefact is in harm the others less than one of all classes?

RR-ClArC, Figure A.17: changes of the accuracy on each class, without the artefact.
"""

from fairray import cli, report

sections = (
    report.Verdict(("clean_accuracy",), (("attacked_class", "all_classes"),), "Whether one class harms less"),
    report.ClassChanges(),
    report.Unlearning(),
    report.Table(("attacked_accuracy", "clean_accuracy", "tcav_sensitivity")),
)

if __name__ == "__main__":
    cli.run_script(__file__)
