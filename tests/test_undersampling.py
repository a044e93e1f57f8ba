"""Undersampling leaves equally many of every (label, group) subgroup: as many as the smallest has."""

from collections import Counter

from fairray.data import cell_counts
from fairray.methods.undersampling import Undersampling
from fairray.training.objective import generator


def kept(trial, seed):
    replica = trial("undersampling", seeds=[seed]).replicas[0].parents["model"]
    return Undersampling().view(replica.setting, generator(replica, "view"), {}).rows, replica.setting.dataset


def test_every_subgroup_has_as_many_as_the_smallest(trial):
    rows, data = kept(trial, 0)
    counts = cell_counts(data.train, 2, 2)
    assert counts.min() < counts.max()
    cells = Counter(zip(data.train["y"][rows].tolist(), data.train["group"][rows].tolist(), strict=True))
    assert set(cells.values()) == {int(counts.min())}
    assert len(cells) == 4
    assert len(set(rows.tolist())) == len(rows)


def test_each_seed_draws_its_own(trial):
    (one, _), (same, _), (other, _) = (kept(trial, seed) for seed in (0, 0, 1))
    assert one.tolist() == same.tolist()
    assert set(one.tolist()) != set(other.tolist())
