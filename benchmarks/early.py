"""How many epochs does a search save that stops early, and what does that cost?

The study's searches run to their end, with the seeds that choose; what is stored in the folder is not computed again.
Then each rule says what it would have stopped: scores on the way are the beginnings of the curves that are stored, and
a trial that goes on is what it is without stopping (tests/test_early.py), so nothing is computed. Epochs are those of
the training that a method ends in, over all seeds. The cost: by how much the point that the whole search chooses is
better than the one chosen of those that are left, on validation and on test data, in the units of print.

    python benchmarks/early.py [STUDY] [--scale small] [key=value ...]
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from fairray import config
from fairray.launch import study as launch_study
from fairray.launch.early import can_stop
from fairray.launch.planning import list_asked
from fairray.measures import find
from fairray.records import headline
from fairray.selection import best_trials
from fairray.store import Store
from fairray.study import Stopping, Study
from fairray.training.selection import read_curves
from fairray.trial import Trial, results

RULES = {
    "halving by 3": Stopping(rule="halving"),
    "halving by 2": Stopping(rule="halving", factor=2),
    "halving by 3 from 3": Stopping(rule="halving", first=3),
    "dominated": Stopping(rule="dominated"),
    "dominated from 3": Stopping(rule="dominated", first=3),
}


def searched(name: str, scale: str, given: list[str]) -> Study:
    """The study with only the searches that can stop, without the fresh seeds of their choices."""
    study = config.load(name, scale, ["confirm=0", "baseline=null", "launch.tracking=none", *given])
    arms = {arm.name for arm in study.arms() if arm.space and can_stop(arm, Stopping(rule="halving"))}
    return replace(study, methods={name: one for name, one in study.methods.items() if name in arms})


def count_epochs(trial: Trial, store: Store) -> int:
    """Over all seeds, up to where it was stopped, if it was."""
    curves = [next(iter(read_curves(store.records(uid)).values())) for uid in trial.trainings]
    return sum(len(curve[: trial.until] if trial.pausing else curve) for curve in curves)


def means(trials: list[Trial], study: Study, store: Store) -> dict[tuple[str, str], pd.Series]:
    """Of each arm's chosen trial its objectives on each split, in the units of print."""
    records = pd.concat([results(trial, store) for trial in trials if not trial.pausing], ignore_index=True)
    chosen = best_trials(records, study.objectives, study.selection)
    rows = headline(records)
    rows = rows[rows["metric"].isin(study.objectives) & rows["split"].isin(["val", "test"])]
    found = rows.groupby(["task", "arm", "trial", "split", "metric"])["value"].mean()
    return {(task, arm): found.loc[task, arm, uid] for (task, arm), uid in chosen.items()}


def compare(study: Study, stop: Stopping, store: Store) -> Iterator[dict[str, Any]]:
    """A row for each arm: its epochs, those without stopping, and what the objectives lost."""
    some, whole = (list_asked(one, store) for one in (replace(study, search=replace(study.search, stop=stop)), study))
    best, left = means(whole, study, store), means(some, study, store)
    for task, arm in best:
        spent, all_of_them = (
            sum(count_epochs(one, store) for one in trials if (one.task, one.arm) == (task, arm))
            for trials in (some, whole)
        )
        lost = {f"{split} {name}": lose(name, best[task, arm][split, name], left[task, arm][split, name])
                for split in ("val", "test") for name in study.objectives}  # fmt: skip
        yield {"task": task, "arm": arm, "epochs": spent, "of": all_of_them, **lost}


def lose(metric: str, best: float, left: float) -> float:
    """By how much the one is better, in the unit of print."""
    measure = find(metric)
    return measure.sign * measure.unit.express(best - left) + 0.0  # a zero has no sign


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="bade_benchmarks")
    parser.add_argument("--scale", default="small")
    parser.add_argument("given", nargs="*", metavar="key=value")
    asked = parser.parse_intermixed_args()
    study = searched(asked.study, asked.scale, asked.given)
    launch_study.run(study)
    store = Store(study.launch.store_root)
    for label, stop in RULES.items():
        table = pd.DataFrame(compare(study, stop, store))
        print(f"\n{label} (first {stop.first}, factor {stop.factor}); the choice of the whole search is better by")
        print(table.round(2).to_string(index=False))
        lost = table.drop(columns=["task", "arm", "epochs", "of"])
        told = ", ".join(f"{name} {mean:.2f} (at most {lost[name].max():.2f})" for name, mean in lost.mean().items())
        print(f"ratio asha_epochs_vs_full {table['epochs'].sum() / table['of'].sum():.3f}; on average {told}")


if __name__ == "__main__":
    main()
