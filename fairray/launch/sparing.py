"""What of a store no named study needs: whole results, the tensors of points that were not chosen, and checkpoints."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from fairray.errors import BadInput
from fairray.launch.planning import list_asked, open_results
from fairray.report import load_sections
from fairray.stages import Artifact
from fairray.store import Store
from fairray.study import Study
from fairray.trial import stages

__all__ = ["Spare", "find_spare", "let_go", "limit"]


class Spare(NamedTuple):
    """What can go of one stage: its result, or of that the tensors, while the records stay; or how far it was when it
    died. size: in bytes."""

    uid: str
    what: Literal["checkpoints", "results", "tensors"]
    size: int


def find_spare(store: Store, studies: Sequence[Study]) -> Iterator[Spare]:
    """Results and checkpoints that belong to none of the studies, checkpoints of what is stored, and the tensors that
    the studies' reports and chosen models do not need.

    Whatever a stage that is not stored yet goes on from stays as well. Raises BadInput where something is being
    computed, or nothing is stored of one of the studies: then it is named otherwise than it was run.
    """
    if store.claimed():
        raise BadInput(store.url, "something is being computed", "wait until it has ended")
    known, needed = set(), set()
    for study in studies:
        study = replace(study, launch=replace(study.launch, store=store.url))
        every, held = _list_needs(study, store)
        known |= every
        needed |= held
    for uid, size in store.checkpoints().items():
        if uid not in known or store.has(uid):
            yield Spare(uid, "checkpoints", size)
    for uid in store.entries():
        size, tensors = store.measure(uid)
        if uid not in known:
            yield Spare(uid, "results", size)
        elif uid not in needed and tensors:
            yield Spare(uid, "tensors", tensors)


def limit(spare: Iterable[Spare], size: int, most: float) -> list[Spare]:
    """Of what can go first checkpoints, then whole results, then tensors, the largest first, until a store of a size
    has at most so many bytes."""
    taken = []
    for each in sorted(spare, key=lambda each: (each.what, -each.size)):
        if size <= most:
            break
        taken.append(each)
        size -= each.size
    return taken


def let_go(spare: Iterable[Spare], store: Store) -> None:
    """Remove it; what is asked for again is computed again."""
    for each in spare:
        let = {"checkpoints": store.drop_checkpoint, "results": store.remove, "tensors": store.let_go}[each.what]
        let(each.uid)


def _list_needs(study: Study, store: Store) -> tuple[set[str], set[str]]:
    """By uid, all results that a study is about, and those whose tensors it needs."""
    study.check()
    found = open_results(study)
    if found is None:
        problem = "nothing of it is stored here"
        raise BadInput(f"study {study.name}", problem, "name it as it was run, with its scale and its key=value")
    chains = [trial.needed for trial in list_asked(study, store)]
    read: set[str] = set()

    def note(uid: str) -> Artifact:
        read.add(uid)
        return store.read(uid)

    for section in load_sections(study):
        try:
            [*section(replace(found, read=note))]
        except Exception as error:
            cure = f"mend it first: fairray report {study.name}"
            raise BadInput(f"section {section.title}", f"what it reads is not known: {error}", cure) from error
    chosen = stages(replica for trial in found.chosen.values() for replica in trial.ends).keys()
    missing = [one for chain in chains for uid, one in chain.items() if not store.has(uid)]
    before = {parent.uid for one in missing for parent in one.parents.values()}
    return {uid for chain in chains for uid in chain}, read | chosen | before
