"""Is what was measured a result? Judges trials by their records: a model that learnt nothing is not fair.

A pure function of records; docs/decisions.md says why the limits are where they are. What a stage alone can know, such
as that a gradient vanished, it records as a measure that has an `alarm`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from fairray.measures import PERCENT, find, find_alarm
from fairray.records import DETAILS
from fairray.signs import SIGNS
from fairray.words import write_count

__all__ = ["GRAVITY", "Doubt", "Doubts", "Key", "describe_doubts", "find_doubts", "gravity", "list_doubts"]

ONE_CLASS = 0.1  # the least share of the examples of other classes than the most frequent that are told from it
ERRORS = 2.0  # standard errors above the constant guess that are more than luck
RISING = (
    0.01  # what the last quarter of the epochs adds to EAcc or accuracy, or the share of the squared error it takes
)
ALARMED = 0.05  # of a measure that has an alarm, such as a share of images
MOST = 0.5  # of the seeds, whose training goes on
APART = 0.25  # between seeds, of a measure in [0, 1]
FEWEST = 10  # rows of a subgroup of the test split; of fewer, each moves a rate by more than ten points

Kind = Literal["few rows", "scattered", "unfinished", "unlearnt", "failed"]
GRAVITY: Mapping[Kind, int] = {"few rows": 0, "scattered": 1, "unfinished": 1, "unlearnt": 2, "failed": 3}

KEYS = ["task", "arm", "trial"]
Key = tuple[str, str, str]  # the task, the arm, and the trial's uid
CURVES = ("eacc", "accuracy")
SPREAD = ("eacc", "odds", "accuracy")


class Doubt(NamedTuple):
    """Why what a trial measured is no result. words: what is wrong, and with how many of its seeds."""

    kind: Kind
    words: str


Doubts = Mapping[Key, tuple[Doubt, ...]]


def find_doubts(records: pd.DataFrame, objectives: Sequence[str] = ()) -> Doubts:
    """What is doubtful of each trial, the gravest first; trials that are sound are not in it.

    objectives: measures of which every seed must have a finite value; few rows of a subgroup are a doubt where one of
    them is of groups, or where there is none.
    """
    found: dict[Key, list[Doubt]] = defaultdict(list)
    if len(records):
        whole = _find_results(records, objectives)
        models = _judge_models(whole, objectives)
        few = _count_rows(whole, objectives)
        for key, doubt in chain(models, _judge_training(records), _compare_seeds(whole), few):
            found[key].append(doubt)
    return {key: tuple(doubts) for key, doubts in found.items()}


def list_doubts(records: pd.DataFrame, objectives: Sequence[str] = ()) -> list[Doubt]:
    """What is doubtful of one trial, of which all records are."""
    return [*chain(*find_doubts(records, objectives).values())]


def describe_doubts(doubts: Iterable[Doubt]) -> str:
    """In words; nothing where there are none."""
    return ", ".join(doubt.words for doubt in doubts)


def gravity(doubts: Sequence[Doubt]) -> int:
    """How grave the gravest is; 0 where it is not the models that are doubted."""
    return max((GRAVITY[doubt.kind] for doubt in doubts), default=0)


def _find_results(records: pd.DataFrame, objectives: Sequence[str]) -> pd.DataFrame:
    """What is judged: of each trial the model that it ends in, or where it ends in something else those that it has
    trained; all of its models where it has trained none."""
    looked_at = {*objectives, *SPREAD, *(sign.name for sign in SIGNS), *filter(find_alarm, records["metric"].unique())}
    rows = records[records["metric"].isin(looked_at)].astype({"value": float})
    plain = rows[[name for name in DETAILS if name != "model"]].isna().all(axis=1)
    rows = rows.loc[plain, [*KEYS, "seed", "model", "split", "metric", "value"]]
    own = rows["model"].isna()
    evaluated = rows.loc[own & (rows["metric"] == "non_finite"), "trial"]
    return _leave_out_untrained(rows[own | ~rows["trial"].isin(evaluated)], records)


def _leave_out_untrained(rows: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Without the models that were made of others by no training: what they cannot do was done to them."""
    own = rows["model"].isna()
    if own.all():
        return rows
    trained = records.loc[records["epoch"].notna(), ["trial", "stage"]]
    learnt = pd.MultiIndex.from_frame(rows[["trial", "model"]]).isin(pd.MultiIndex.from_frame(trained))
    return rows[own | learnt | ~rows["trial"].isin(trained["trial"])]


def _judge_models(rows: pd.DataFrame, objectives: Sequence[str]) -> Iterator[tuple[Key, Doubt]]:
    """What is wrong with the models of single seeds: of each the first that is."""
    broken = rows[(rows["metric"] == "non_finite") & (rows["value"] > 0)]
    missing = rows[rows["metric"].isin(objectives) & rows["model"].isna() & ~np.isfinite(rows["value"])]
    high = rows[rows["value"] > ALARMED]
    alarmed = high[high["metric"].map(find_alarm) != ""]
    one_class, no_better = _find_unlearnt(rows)
    seen = [
        _say(broken, "failed", "its outputs are no numbers"),
        _say(missing, "failed", missing["metric"].map(_say_missing)),
        _say(one_class, "unlearnt", "it predicts one class"),
        _say(alarmed, "unlearnt", alarmed["metric"].map(find_alarm)),
        _say(no_better, "unlearnt", "it is no better than a constant guess"),
    ]
    if seen := [said for said in seen if len(said)]:
        yield from _count_seeds(pd.concat(seen).drop_duplicates([*KEYS, "seed"]), rows)


def _find_unlearnt(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The seeds whose models predict one class, and those that are no better than a constant guess."""
    names = [sign.name for sign in SIGNS]
    val = rows[(rows["split"] == "val") & rows["metric"].isin(names)]
    if not len(val):
        return val, val
    by_seed = val.groupby([*KEYS, "seed", "metric"])["value"]
    most, least = (part.unstack("metric").reindex(columns=names) for part in (by_seed.max(), by_seed.min()))
    told = (1 - most["predicted_share"]) / (1 - most["label_share"])
    return most[told < ONE_CLASS].reset_index(), least[least["above_guess"] < ERRORS].reset_index()


def _judge_training(records: pd.DataFrame) -> Iterator[tuple[Key, Doubt]]:
    """Whether the last epoch was kept where the last quarter of them was better than the one before."""
    rows = records[records["epoch"].notna() & (records["split"] == "val")]
    if not len(rows):
        return
    replica = [*KEYS, "stage", "uid", "seed"]
    table = rows.set_index([*replica, "epoch", "metric"])["value"].unstack("metric").sort_index()
    curves = [table[name] for name in CURVES if name in table]
    curves += [-np.log(table["balanced_mse"])] if "balanced_mse" in table else []
    curve = pd.concat(curves, axis=1).bfill(axis=1).iloc[:, 0]
    epoch, count = table.index.get_level_values("epoch"), curve.groupby(replica).transform("size")
    quarters = (count - 1 - epoch) // (count // 4).clip(lower=1)  # 0 is the last
    last, before = (curve[quarters == place].groupby(replica).mean() for place in (0, 1))
    kept = table["kept_epoch"].groupby(replica).max() == curve.groupby(replica).size() - 1
    going_on = (kept & (last - before > RISING)).rename("going on").reset_index()
    share = going_on.groupby([*KEYS, "stage"])["going on"].transform("mean")
    found = going_on[going_on["going on"] & (share > MOST)]
    words = "training (" + found["stage"].astype(str) + ") ended while it went on getting better"
    yield from _count_seeds(_say(found, "unfinished", words), going_on)


def _compare_seeds(rows: pd.DataFrame) -> Iterator[tuple[Key, Doubt]]:
    results = rows[rows["metric"].isin(SPREAD) & (rows["split"] == "test") & rows["model"].isna()]
    if not len(results):
        return
    values = results.groupby([*KEYS, "metric"], sort=False)["value"]
    apart = (values.max() - values.min()).rename("apart").reset_index()
    for task, arm, trial, metric, far in apart[apart["apart"] > APART].itertuples(index=False, name=None):
        points = f"{PERCENT.express(far):.0f} points of {find(metric).title}"
        yield (task, arm, trial), Doubt("scattered", f"its seeds lie {points} apart")


def _count_rows(rows: pd.DataFrame, objectives: Sequence[str]) -> Iterator[tuple[Key, Doubt]]:
    few = rows[(rows["metric"] == "fewest_rows") & (rows["value"] < FEWEST) & (rows["split"] == "test")]
    if not len(few) or (objectives and not any(find(name).by_group for name in objectives)):
        return
    fewest = few.groupby(KEYS, sort=False)["value"].min().reset_index()
    for task, arm, trial, count in fewest.itertuples(index=False, name=None):
        yield (task, arm, trial), Doubt("few rows", f"the smallest subgroup has {write_count(int(count), 'test row')}")


def _say_missing(metric: str) -> str:
    return f"its {find(metric).title} is no number"


def _say(rows: pd.DataFrame, kind: Kind, words: "str | pd.Series") -> pd.DataFrame:
    return rows[[*KEYS, "seed"]].assign(kind=kind, words=words) if len(rows) else rows


def _count_seeds(said: pd.DataFrame, rows: pd.DataFrame) -> Iterator[tuple[Key, Doubt]]:
    """A doubt for each thing that is said of a trial. rows: of all of its seeds."""
    if not len(said):
        return
    every = rows.groupby(KEYS)["seed"].nunique()
    seeds = said.groupby([*KEYS, "kind", "words"], sort=False)["seed"].nunique().reset_index()
    for task, arm, trial, kind, words, some in seeds.itertuples(index=False, name=None):
        of = f"{some} of {write_count(every[task, arm, trial], 'seed')}"
        yield (task, arm, trial), Doubt(kind, f"{words} ({of})")
