"""What do the first lines that a tool shows its readers take, on the same csv, and what do they say?

    python benchmarks/first_lines.py [--rows 500 5000 50000] [--aequitas PYTHON] [--oxonfair PYTHON] [--fairray PYTHON]

Rows of UCI Adult, income and sex; 50,000 are all 48,842 and some again. Each tool runs in an empty folder, with the
Python of an environment of its own, into which nothing is installed here: `pip install 'aequitas[flow]'`,
`pip install oxonfair xgboost matplotlib`, and fairray's wheel; without --fairray it is this checkout. The lines are
those of each one's README, but for the names of columns; OxonFair's loader of Adult reads the csv, and fetches nothing.
It prints seconds by the clock and of processors, from the start of Python to its end, and what the tool says at last.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
FAIRRAY = """
import sys, pandas as pd, fairray
df = pd.read_csv(sys.argv[1])
study = fairray.from_frame(df, target="income", protected="sex")
results = study.run()
results.plot().savefig("plane.png")
table, verdict = results.table(), results.verdict()
print(f"{table['doubt'].ne('').groupby(table['method']).any().sum()} of {table['method'].nunique()} methods no result;",
      *(f"{row.method} {row.word} in {row.metric};" for row in verdict.itertuples() if row.word in ("better", "worse")),
      f"{(verdict['word'] == 'undecided').sum()} of {len(verdict)} comparisons undecided")
"""
AEQUITAS = """
import sys, pandas as pd
from aequitas.flow import DefaultExperiment
df = pd.read_csv(sys.argv[1])
df["income"] = (df["income"] == ">50K").astype(int)
"""
AS_PRINTED = """
experiment = DefaultExperiment.from_pandas(
    df, target_feature="income", sensitive_feature="sex", experiment_size="small"
)
experiment.run()
experiment.plot_pareto()
"""
AS_WRITTEN = """
categories = [*df.select_dtypes(exclude="number")]
df = df.astype({name: "category" for name in categories})
experiment = DefaultExperiment(df, label_column="income", sensitive_column="sex", categorical_columns=categories)
experiment.run()
experiment.plot_pareto()
"""
OXONFAIR = """
import sys, pandas as pd, xgboost
from oxonfair import FairPredictor, dataset_loader, group_metrics as gm
df = pd.read_csv(sys.argv[1])
load = dataset_loader.partition(lambda: (df, "income", ">50K"))
train_data, _, test_data = load("sex", train_proportion=0.7, test_proportion=0.3)
predictor = xgboost.XGBClassifier().fit(X=train_data["data"], y=train_data["target"])
fpredict = FairPredictor(predictor, train_data, "sex")
fpredict.fit(gm.accuracy, gm.demographic_parity, 0.02)
groups, fairness = fpredict.evaluate_groups(test_data), fpredict.evaluate_fairness(test_data)
accuracy = groups.xs("Overall", level=1)["Accuracy"]
print(f"accuracy {accuracy['original']:.3f} -> {accuracy['updated']:.3f}", *(
    f"{name} {fairness.loc[name, 'original']:.3f} -> {fairness.loc[name, 'updated']:.3f}"
    for name in ("Statistical Parity", "Equalized Odds")), sep=", ")
"""
EXAMPLES = {
    "fairray": [("from_frame, run, plot", FAIRRAY)],
    "aequitas": [
        ("from_pandas, run, plot_pareto", AEQUITAS + AS_PRINTED),
        ("the same by the class", AEQUITAS + AS_WRITTEN),
    ],
    "oxonfair": [("XGBoost, FairPredictor, fit", OXONFAIR)],
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 5_000, 50_000])
    for tool in EXAMPLES:
        parser.add_argument(f"--{tool}", metavar="PYTHON", default=sys.executable if tool == "fairray" else None)
    options = vars(parser.parse_args())
    print("| first lines | rows | s | s of processors | what it says at last |\n| --- | --- | --- | --- | --- |")
    for tool, examples in EXAMPLES.items():
        python = options[tool]
        version = find_version(python, tool) if python else ""
        for name, program in examples:
            if not version:
                print(f"| {tool} | | | | skipped: {f'{python} has no {tool}' if python else f'give --{tool} PYTHON'} |")
                break
            for rows in options["rows"]:
                print(f"| {tool} {version}: {name} | {rows:,} | {run(python, program, rows)} |", flush=True)


def find_version(python: str, tool: str) -> str:
    """Of an installed tool; nothing where it is not there."""
    program = f"from importlib.metadata import version; print(version('{tool}'))"
    try:
        return subprocess.run([python, "-c", program], capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def run(python: str, program: str, rows: int) -> str:
    """What it takes and says, or the error in which it ends."""
    environment = dict(os.environ, MPLBACKEND="agg")
    if python == sys.executable:
        environment["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        read_adult(rows).to_csv(Path(folder) / "people.csv", index=False)
        start, before = time.perf_counter(), used()
        command = [python, "-c", program, "people.csv"]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        seconds, spent = time.perf_counter() - start, used() - before
    lines = (ended.stderr if ended.returncode else ended.stdout).strip().splitlines()
    return f"{seconds:.1f} | {spent:.1f} | {lines[-1]}"


def used() -> float:
    """Seconds of processors that processes which have ended took."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def read_adult(rows: int) -> pd.DataFrame:
    """So many rows in random order, the first of them once more where there are not enough."""
    adult = pd.read_parquet(ROOT / "fairray/datasets/adult.parquet").sample(frac=1, random_state=0)
    return pd.concat([adult] * -(-rows // len(adult))).head(rows)


if __name__ == "__main__":
    main()
