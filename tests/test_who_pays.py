"""Where a gap closes, the page says whose rates moved: levelled up, or levelled down."""

import pytest
from blocks import figures_of, table_of, text_of
from test_soundness import COLLAPSED, ran, results_of

from fairray import report


def rates(arm, **by_group):
    """A trial whose groups a, b (and c) have these true positive rates in each of three seeds; their others are .5."""
    trial, rows = ran(arm, eacc=[0.7] * 3, odds=[0.1] * 3)
    (of, *_) = rows
    for group, tpr in by_group.items():
        for seed in range(3):
            wobble = 0 if arm == "standard" else {"a": 0.001, "b": 0.002, "c": -0.001}[group] * (seed - 1)
            for metric, value in (("true_positive_rate", tpr), ("true_negative_rate", 0.5), ("positive_rate", 0.5)):
                row = {**of, "split": "test", "seed": seed, "metric": metric, "group": group, "value": value + wobble}
                rows.append(row)
    return trial, rows


def said_of(*runs, **study):
    blocks = list(report.WhoPays()(results_of(*runs, **study)))
    return text_of(blocks).split("Test set")[0], blocks


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        (0.79, 0.8, "levelled up (gap -19.00"),
        (0.6, 0.61, "levelled down (gap -19.00"),
        (0.55, 0.58, "levelled down (gap -17.00"),  # both lose, the one ahead more
        (0.82, 0.85, "levelled up (gap -17.00"),  # both gain, the one behind more
        (0.7, 0.71, "the gap closes by both (gap -19.00"),
        (0.6, 0.8, "the gap does not clearly change"),
        (0.5, 0.8, "the gap widens (gap +10.00"),
    ],
)
def test_who_moved_is_told_by_the_groups_own_rates(a, b, word):
    """Before, a has 60 % and b 80 %: a gap of 20 points, in which a is behind."""
    said, blocks = said_of(rates("standard", a=0.6, b=0.8), rates("m", a=a, b=b))
    assert f"t, m: true positive rate: {word}" in said
    head, rows = table_of(blocks)
    assert head == ["task", "method", "group", "true positive rate", "false positive rate", "selection rate"]
    assert rows[0][3].startswith(f"60.00 → {100 * a:.2f} ({100 * (a - 0.6):+.2f} [")
    assert rows[1][4].startswith("50.00 → 50.00 (")


def test_a_high_false_positive_rate_is_behind_and_a_selection_rate_neither():
    (standard, before), (trial, after) = rates("standard", a=0.6, b=0.6), rates("m", a=0.6, b=0.6)
    for rows, tnr, selected in ((before, 0.6, 0.3), (after, 0.8, 0.5)):
        for row in rows:
            if row["group"] == "a" and row["metric"] in ("true_negative_rate", "positive_rate"):
                row["value"] += (tnr if row["metric"] == "true_negative_rate" else selected) - 0.5
            elif row["group"] == "b" and row["metric"] == "true_negative_rate":
                row["value"] += 0.3
    said, _ = said_of((standard, before), (trial, after))
    assert "false positive rate: levelled up (gap -19.93" in said
    assert "; a -20.00 [" in said
    assert "selection rate: the gap closes as the lower rises (gap -19.93" in said


def test_of_three_groups_the_two_farthest_apart_are_told():
    said, blocks = said_of(rates("standard", a=0.6, b=0.8, c=0.9), rates("m", a=0.6, b=0.5, c=0.7))
    assert "true positive rate: levelled down (gap -20.00" in said
    assert "; a +0.00 [-0.25, +0.25], c -20.00 [" in said
    (figure,) = figures_of(blocks)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "true positive rate (%)", "false positive rate (%)", "selection rate (%)"
    ]  # fmt: skip
    ends = {box.get_label(): float(box.lines[0].get_xdata()[0]) for box in figure.axes[0].containers}
    assert ends == {"a": pytest.approx(60), "b": pytest.approx(50), "c": pytest.approx(70)}


def test_nothing_is_said_of_what_is_no_result_or_has_no_groups():
    ill, rows = rates("m", a=0.79, b=0.8)
    for row in rows:
        if row["metric"] in ("predicted_share", "above_guess"):
            row["value"] = {"predicted_share": 1.0, "above_guess": 0.0}[row["metric"]]
    said, blocks = said_of(rates("standard", a=0.6, b=0.8), (ill, rows))
    assert "t, m: no verdict, as m is no result." in said
    assert all(box.lines[0].get_markerfacecolor() == "none" for box in figures_of(blocks)[0].axes[0].containers)
    for runs, study in (([ran("standard", **COLLAPSED), ran("m", **COLLAPSED)], {}), ([rates("m", a=0, b=1)], {})):
        assert "It needs a baseline, groups" in said_of(*runs, **study)[0]
