"""Is what a store holds what its code and data give? Finished stages are computed again and compared."""

import json
import random
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save
from torch import Tensor

from fairray.data import Tensors
from fairray.errors import BadInput
from fairray.stages import Replica
from fairray.store import Store
from fairray.training.fit import EngineName
from fairray.trial import Trial, circumstances, compute

__all__ = ["TOLERANCE", "Finding", "audit"]

TOLERANCE = 1e-3  # of the largest number of a tensor or of a measure, where digits depend on what runs beside it
# the parts of a key that are in files, and not in what a study declares
KINDS = {"code": "the code is", "dataset": "the data are", "before": "a stage before it is"}


@dataclass(frozen=True)
class Finding:
    """What became of one stage. differs: what is not as it was stored; nothing where all of it is.

    elsewhere: what of the packages and the machine is not as when it was made. tolerance: with which it was compared.
    """

    uid: str
    name: str
    differs: list[str]
    elsewhere: list[str]
    tolerance: float = 0.0

    def __str__(self) -> str:
        within = f" within {self.tolerance:g}" if self.tolerance else ""
        said = f"DIFFERS  {self.name}" if self.differs else f"equal{within}  {self.name}"
        return "; ".join([f"{said} ({self.uid})", *self.differs, *self.elsewhere])


@dataclass(frozen=True)
class _Stored:
    """A finished stage as it is declared now, and the parts of its key that were others when it was made."""

    replica: Replica
    changed: Sequence[str] = ()


def audit(
    trials: Sequence[Trial],
    store: Store,
    n: int = 5,
    seed: int = 0,
    *,
    has_tensors: bool = True,
    sources: Mapping[str, str] = {},
) -> Iterator[Finding]:
    """Compute n random finished stages of trials again, each with the engine, the pack and the threads it had, from
    what is stored of the stages before it, and compare every tensor and record.

    has_tensors: or only their checksums are stored; then the stages before are computed again as well.
    sources: by task, the data that were asked for when its stages were made, where these have moved since.
    On CPUs they are equal to the last bit; on GPUs, and where several devices trained together, within `TOLERANCE`.
    What was made of other code or of other data than there are now is named, and not computed. Stages that were let go
    and those after them are not looked at.
    Raises BadInput where nothing is stored.
    """
    if n < 1:
        raise BadInput("--n", f"it is {n}, and one stage is the least", "give 1 or more")
    named = {uid: (trial, replica) for trial in trials for uid, replica in trial.needed.items()}
    declared = {uid: replica for uid, (_, replica) in named.items()}
    finished = {
        uid: _Stored(replica)
        for uid, replica in declared.items()
        if store.has(uid) and not store.lacks_tensors(uid) and _can_compute(replica, store, has_tensors)
    }
    moved = {replica.setting.source: sources[t.task] for t in trials if t.task in sources for replica in t.replicas[:1]}
    finished |= _find_former([r for uid, r in declared.items() if uid not in finished], store, declared, moved)
    if not finished:
        raise BadInput(store.url, "nothing of the study is stored here", "run it, or set launch.store or launch.output")
    with tempfile.TemporaryDirectory() as folder:
        auditor = _Auditor(declared, store, Store(folder), has_tensors)
        for uid in random.Random(seed).sample(sorted(finished), min(n, len(finished))):
            stored = finished[uid]
            yield auditor.examine(uid, _name(*named[stored.replica.uid]), stored)


def _can_compute(replica: Replica, store: Store, has_tensors: bool) -> bool:
    """Whether the tensors of the stages before it were not let go, or are computed again as well."""
    parents = replica.parents.values() if has_tensors else ()
    return not any(store.has(one.uid) and store.lacks_tensors(one.uid) for one in parents)


def _name(trial: Trial, replica: Replica) -> str:
    return f"{trial.task} {trial.arm} {replica.stage.name} of seed {replica.seed}"


def _find_former(
    missing: Iterable[Replica], store: Store, declared: Mapping[str, Replica], moved: Mapping[str, str]
) -> dict[str, _Stored]:
    """What is stored of stages that are declared alike, and were made of other code or data."""
    asked = ((replica, replica.setting.source) for replica in missing)
    alike = {_declaration(replica.key, moved.get(source, source)): replica for replica, source in asked}
    found = {}
    for uid in {*store.entries()} - declared.keys() if alike else ():
        with suppress(BadInput):  # what cannot be read tells nothing of what it was
            key, source = (store.spec(uid).get(name, {}) for name in ("key", "source"))
            if replica := alike.get(_declaration(key, source)):
                changed = [text for part, text in KINDS.items() if _as_json(replica.key[part]) != key[part]]
                found[uid] = _Stored(replica, changed)
    return found


def _declaration(key: Mapping[str, Any], source: Any) -> str:
    """What of a stage is written in a study, and not in the files of its code and data."""
    return json.dumps([{name: value for name, value in key.items() if name not in KINDS}, source], sort_keys=True)


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@dataclass(frozen=True)
class _Auditor:
    """Computes stages of a store again, in another one. has_tensors: or the store has only their checksums."""

    declared: Mapping[str, Replica]
    store: Store
    scratch: Store
    has_tensors: bool

    def examine(self, uid: str, name: str, stored: _Stored) -> Finding:
        numerics = stored.replica.setting.numerics
        try:
            made = self.store.spec(uid)["made"]
            here = circumstances(numerics).items()
            elsewhere = [
                f"made by {part} {made.get(part)}, here {value}" for part, value in here if made.get(part) != value
            ]
            if stored.changed:
                return Finding(uid, name, [f"{part} not as when it was made" for part in stored.changed], elsewhere)
            exact = numerics.device == "cpu" and made.get("engine") != "distributed"
            tolerance = 0.0 if exact else TOLERANCE
            self._compute(uid)
            return Finding(uid, name, [*self._compare(uid, tolerance)], elsewhere, tolerance)
        except BadInput as error:
            return Finding(uid, name, [f"{error.where}: {error.problem}"], [])

    def _compute(self, uid: str) -> None:
        """As the stage was computed, with those that were computed beside it."""
        if self.scratch.has(uid):
            return
        made = self.store.spec(uid)["made"]
        beside = map(self.declared.get, made.get("pack", [uid]))
        pack = [one for one in beside if one and _can_compute(one, self.store, self.has_tensors)]
        if not self.has_tensors:
            for before in {parent.uid: None for replica in pack for parent in replica.parents.values()}:
                self._compute(before)
        engine: EngineName = "stacked" if made.get("engine") == "stacked" else "alone"
        with _threads(made["threads"]):
            compute(pack, self.store if self.has_tensors else self.scratch, self.scratch, engine)

    def _compare(self, uid: str, tolerance: float) -> Iterator[str]:
        """What of an artifact is not the same."""
        if self.has_tensors:
            yield from _compare_tensors(self.store.read(uid).tensors, self.scratch.read(uid).tensors, tolerance)
        elif not tolerance and self.store.sum_of_tensors(uid) != self.scratch.sum_of_tensors(uid):
            yield "artifact.safetensors: its checksum"
        old, new = self.store.records(uid), self.scratch.records(uid)
        if not _are_tables_equal(old, new, tolerance):
            yield f"records.parquet: {_describe_rows(old, new)}"


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many of torch's threads: they decide in which order numbers are added."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compare_tensors(old: Tensors, new: Tensors, tolerance: float) -> Iterator[str]:
    if other := [name for name in sorted({*old, *new}) if not _are_equal(old.get(name), new.get(name), tolerance)]:
        yield f"artifact.safetensors: {len(other)} of {len({*old, *new})} tensors, first {other[0]}"


def _are_equal(old: Tensor | None, new: Tensor | None, tolerance: float) -> bool:
    if old is None or new is None:
        return False
    if tolerance and old.is_floating_point() and (old.shape, old.dtype) == (new.shape, new.dtype):
        largest = old.nan_to_num().abs().max().item() if old.numel() else 0.0
        return torch.allclose(old, new, rtol=0, atol=tolerance * largest, equal_nan=True)
    return save({"": old}) == save({"": new})  # its type, its shape and every bit


def _are_tables_equal(old: pd.DataFrame, new: pd.DataFrame, tolerance: float) -> bool:
    if old.equals(new):
        return True
    if not tolerance or len(old) != len(new):
        return False
    near = (old["value"] - new["value"]).abs() <= tolerance * old["value"].abs().clip(lower=1)
    near |= old["value"].isna() & new["value"].isna()
    return bool(near.all()) and old.drop(columns="value").equals(new.drop(columns="value"))


def _describe_rows(old: pd.DataFrame, new: pd.DataFrame) -> str:
    if old.shape != new.shape or [*old] != [*new]:
        return f"{len(old)} rows, and {len(new)} when computed again"
    other = ((old != new) & ~(old.isna() & new.isna())).any(axis=1)
    first = f", first {old['metric'][other].iloc[0]}" if "metric" in old else ""
    return f"{other.sum()} of {len(old)} rows{first}"
