"""How trials are put together for the slots of a machine."""

from types import SimpleNamespace

import pytest

from fairray.launch.rounds import make_packs, work


def trials(count, arm="m", depth=0, seeds=2):
    replicas = [SimpleNamespace(depth=depth)] * seeds
    return [SimpleNamespace(task="t", arm=arm, seeds=tuple(range(seeds)), replicas=replicas) for _ in range(count)]


def test_a_pack_has_no_more_replicas_than_it_may():
    packs = make_packs(trials(100, seeds=3), slots=1, most=10)
    assert max(sum(len(trial.replicas) for trial in pack) for pack in packs) == 9
    assert sum(map(len, packs)) == 100


@pytest.mark.parametrize(("count", "packs"), [(100, 20), (3, 3)])
def test_every_slot_has_four_packs_where_there_are_so_many_trials(count, packs):
    assert len(make_packs(trials(count), slots=5, most=1000)) == packs


def test_the_longest_chains_come_first():
    asked = [*trials(1, "short"), *trials(1, "long", depth=3), *trials(1, "middle", depth=1)]
    assert [pack[0].arm for pack in make_packs(asked, slots=1, most=1)] == ["long", "middle", "short"]
    assert [work(pack) for pack in make_packs(asked, slots=1, most=1)] == [8, 4, 2]
