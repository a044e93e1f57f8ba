"""What does a model of faces learn beyond its task, and can it be kept from it? (PreserveTask, section 5)

Gender and pose in Diversity in Faces, gender and age in IMDB-WIKI, at paper scale; at small scale people of Adult, by
their sex and whether they are married, stand in for the faces.
"""

from fairray import cli, report

METRICS = ("accuracy", "leaked_accuracy")

sections = (
    report.TrustScores(),
    report.TrustMatrices(),
    report.TrustBars(),
    report.Verdict(METRICS),
    report.Table(METRICS),
)

if __name__ == "__main__":
    cli.run_script(__file__)
