"""Why a stage that a study needs is not stored: what differs from the nearest one that is."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fairray import identity
from fairray.stages import Replica
from fairray.store import Damaged, Store
from fairray.trees import list_differences
from fairray.words import list_some

__all__ = ["Stale", "explain", "hash_code"]

SET = ("hyperparameters", "network", "training", "numerics")  # parts of a key
Line = tuple[Any, ...]  # a stage and the lines of those before it


@dataclass(frozen=True)
class Stale:
    """Stages that are stored as they were before these changes: how many, by name."""

    stages: dict[str, int]
    changes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{list_some(f'{count} {name}' for name, count in self.stages.items())}: {'; '.join(self.changes)}"


def hash_code(replica: Replica) -> dict[str, str]:
    """The hash of each module whose code decides a result."""
    return identity.meanings(replica.setting.modules(replica.stage))


def explain(missing: Iterable[Replica], store: Store, wanted: Collection[str]) -> list[Stale]:
    """What was changed since stages like these, after the same stages and of the same seed, were stored; those that
    never were are left out, and so are those of which only what comes before has changed.

    wanted: by uid, what the study needs: such a stage is no earlier state of another. Reads all specs of the store.
    """
    held = _find_held(store, wanted)
    found: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    moved: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)  # each division of the rows has data of its own
    for replica in missing:
        candidates = held.get((_trace(replica), replica.seed), [])
        compared = [(tuple(_list_changes(spec, replica)), _list_hashes(spec, replica)) for spec in candidates]
        changes, hashes = min(compared, key=lambda both: len(both[0]), default=((), []))
        if changes:
            found[changes][replica.stage.name] += 1
            moved[changes] |= dict.fromkeys(hashes)
    return [Stale(dict(stages), _tell(changes, moved[changes])) for changes, stages in found.items()]


def _tell(changes: tuple[str, ...], hashes: Collection[str]) -> tuple[str, ...]:
    """The changes, that of the data with its hashes."""
    *others, last = changes
    return (*others, f"{last}: {list_some(hashes, 1)}") if hashes else changes


def _find_held(store: Store, wanted: Collection[str]) -> dict[tuple[Line, int], list[dict[str, Any]]]:
    """The specs of what is stored besides, by line and seed."""
    before: dict[str, tuple[str, list[str]]] = {}
    besides = []
    for uid in store.entries():
        try:
            spec = store.spec(uid)
            before[uid] = spec["key"]["stage"], [*spec["key"]["before"].values()]
        except (Damaged, KeyError):  # `fairray verify` says so
            continue
        if uid not in wanted:
            besides.append((uid, spec))

    def trace(uid: str) -> Line:
        stage, parents = before.get(uid, (uid, []))  # of one that is lost nobody knows what it was
        return stage, *map(trace, parents)

    held = defaultdict(list)
    for uid, spec in besides:
        held[trace(uid), spec["key"]["seed"]].append(spec)
    return held


def _trace(replica: Replica) -> Line:
    return replica.key["stage"], *map(_trace, replica.parents.values())


def _list_changes(spec: dict[str, Any], replica: Replica) -> Iterator[str]:
    """From a stored stage to one that is wanted: settings, files of code, data."""
    then, now = spec["key"], replica.key
    for name, old, new in list_differences(*({part: key[part] for part in SET} for key in (then, now))):
        yield f"{name}: {old} -> {new}"
    if then["code"] != now["code"]:
        ours, theirs = spec.get("files", {}), hash_code(replica)
        edited = {_file(name) for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
        yield f"code: {list_some(sorted(edited), 5)}" if ours else "code"
    if then["dataset"] != now["dataset"]:
        yield f"data {replica.setting.dataset.name}"


def _list_hashes(spec: dict[str, Any], replica: Replica) -> list[str]:
    """Of data that changed: from which to which."""
    then, now = spec["key"]["dataset"], replica.key["dataset"]
    return [f"{then[:8]} -> {now[:8]}"] if then != now else []


def _file(module: str) -> str:
    return f"{module.removeprefix(identity.USER_FILE).replace('.', '/')}.py"
