"""What a study would run, and what it has: nothing is computed here."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from fairray.launch.rounds import Ledger, rounds
from fairray.results import Results
from fairray.store import Store
from fairray.study import Study
from fairray.trial import Trial, results, stages

__all__ = ["ArmPlan", "Plan", "list_asked", "open_results", "plan", "stored_records"]


@dataclass(frozen=True)
class ArmPlan:
    """One method on one task: its points, its runs (points x seeds), and the stages behind them."""

    task: str
    method: str
    points: int
    runs: int
    stages: int
    stored: int
    running: int


@dataclass(frozen=True)
class Plan:
    """Trials and stages, how many of them are stored, and how many stages several trials share."""

    trials: int
    trials_stored: int
    stages: int
    stages_stored: int
    shared: int
    arms: list[ArmPlan]


def list_asked(study: Study, store: Store) -> Ledger:
    """The trials up to the first round that is not wholly stored: the whole of a grid, the start of a search."""
    ledger = Ledger()
    next(rounds(study, store, lambda: 1, ledger, lambda trial: None), None)
    return ledger


def plan(study: Study) -> Plan:
    """What a run would compute, what is stored, and what is shared. Raises BadInput as `Study.check` does."""
    study.check()
    store = Store(study.launch.store_root)
    ledger = list_asked(study, store)
    wanted = Counter(uid for trial in ledger.unique.values() for uid in stages(trial.ends))
    have, claimed = {uid for uid in wanted if store.has(uid)}, set(store.claimed())
    arms = []
    for task, arm in dict.fromkeys((trial.task, trial.arm) for trial in ledger.trials):
        trials = [trial for trial in ledger.trials if (trial.task, trial.arm) == (task, arm)]
        needed = set(stages(replica for trial in trials for replica in trial.ends))
        runs = sum(len(trial.seeds) for trial in trials)
        arms.append(ArmPlan(task, arm, len(trials), runs, len(needed), len(needed & have), len(needed & claimed)))
    shared = sum(count > 1 for count in wanted.values())
    return Plan(len(ledger.unique), ledger.stored, len(wanted), len(have), shared, arms)


def stored_records(study: Study) -> tuple[pd.DataFrame, list[Trial]]:
    """The tidy records of every trial that is stored, and those trials."""
    store = Store(study.launch.store_root)
    trials = [trial for trial in list_asked(study, store).trials if trial.stored(store)]
    tables = [results(trial, store) for trial in trials]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), trials


def open_results(study: Study) -> Results | None:
    """The results that are stored of a study; none where nothing is."""
    records, trials = stored_records(study)
    if not trials:
        return None
    store = Store(study.launch.store_root)
    uids = stages(replica for trial in trials for replica in trial.ends)
    return Results(study, records, trials, {uid: store.spec(uid)["made"] for uid in uids}, store.read)
