"""Attacks side by side: what they do to images (Tables 3.1 and 3.2), and whether one of them is perceived least."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import pandas as pd

from fairray.members import label
from fairray.perceptual import dists, lpips, pieapp  # noqa: F401, which declare what the tables speak of
from fairray.report.figures import directed
from fairray.report.section import Section, named, number, shown
from fairray.report.tables import Entry, items, laid_out, stands_for, table_section
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval, share_interval

__all__ = ["attack_costs", "attack_table", "attack_verdict", "attacked", "counted", "of_images", "over_images"]

PAPER_COST = "pieapp"  # the cost of the paper's experiments
SHARES = {"accuracy", "judged", "success"}  # 0 or 1 for each image
METRICS = ("success", "l1", "l2", "linf", "lpips", "dists")


def attack_table(results: Results, metrics: Sequence[str] = METRICS, title: str = "Attacks") -> Section:
    """What each attack does to the images that the model reads right: means over images, beside the printed ones."""
    arms_of = attacked(results)
    if not arms_of:
        why = "The model reads none of the test images right, so that none was attacked: are the labels its own?"
        return Section(title, f"<p>{why}</p>")
    entries = [
        Entry(
            key={"task": task, "method": arm},
            metric=metric,
            interval=over_images(metric, values),
            printed=results.print_of(task, arm, metric),
        )
        for task, arms in arms_of.items()
        for arm in arms
        for metric in metrics
        if len(values := of_images(results, task, arm, metric))
    ]
    frame = laid_out(entries, rows=("task", "method"), across="metric")
    images = {(entry.key["task"], entry.key["method"]): entry.interval.n for entry in entries}
    frame.insert(2, "images", [str(images[row]) for row in zip(frame["task"], frame["method"], strict=True)])
    note = (
        "Of the test images that the model classifies correctly, fooled or not: mean over images [95 % interval over "
        f"images, Wilson's of shares and t of others]. {'. '.join(map(directed, metrics))}."
    )
    return table_section(title, title.lower().replace(" ", "_"), frame, entries, [note, *stands_for(results)])


def attack_costs(results: Results) -> Section:
    """Which perceptual cost each attack lowers or bounds, and whether the paper's is among them."""
    costs: dict[str, list[str]] = {}
    for (_, arm), trial in results.chosen.items():
        attack = getattr(trial.method, "attack", None)
        if cost := getattr(attack, "cost", None):
            arms = costs.setdefault(label(cost), [])
            arms += [arm] if arm not in arms else []
    lines = [f"<b>{escape(named(cost))}</b>: {escape(', '.join(arms))}." for cost, arms in costs.items()]
    note = "Of the distance that it lowers itself an attack looks better than of one that it does not know."
    if costs and PAPER_COST not in costs:
        note += (
            f" The paper's cost is {named(PAPER_COST)}, whose published weights are not redistributable, so that it "
            "was not used here; docs/attacks.md says how to give them."
        )
    return Section("Perceptual costs", f"{items(lines)}<p>{note}</p>")


def attack_verdict(
    results: Results, ours: str, metrics: Sequence[str] = ("lpips", "dists"), success: float = 99.0
) -> Section:
    """Whether one method has the smallest distances of those that fool nearly all images, by paired differences.

    success: percent of the images that a method has to fool to be compared.
    """
    lines = [
        f"<b>{escape(task)}</b>: {said}"
        for task, arms in attacked(results).items()
        for said in _verdicts(results, task, arms, ours, metrics, success)
    ]
    note = (
        f"{escape(ours)} minus the other method, image by image, on the images that both fool [95 % t-interval over "
        "images of each difference]."
    )
    return Section("Which attack is perceived least", f"{items(lines)}<p>{note}</p>")


def attacked(results: Results) -> dict[str, list[str]]:
    """The tasks of which images were attacked, and by which methods."""
    found: dict[str, list[str]] = {}
    for task, arm in results.chosen:
        if len(of_images(results, task, arm, "success")):
            found.setdefault(task, []).append(arm)
    return found


def of_images(results: Results, task: str, arm: str, metric: str, view: str | None = None) -> pd.Series:
    """A metric as printed, by the id of the image; the mean over seeds. view: the defence that images went through."""
    rows = results.of(task, arm, results.per_image)
    rows = rows[(rows["metric"] == metric) & (rows["view"].isna() if view is None else rows["view"] == view)]
    return rows.groupby("sample")["value"].mean()


def over_images(metric: str, values: pd.Series) -> Interval:
    """The mean over images of values as printed, with the interval that suits them."""
    if metric not in SHARES:
        return mean_interval(values)
    mean, low, high, n = share_interval(values / 100)
    return Interval(100 * mean, 100 * low, 100 * high, n)


def counted(results: Results, arms: Mapping[str, Sequence[str]]) -> str:
    """How many images the methods of each task attacked, in words. arms: as of `attacked`."""
    counts = {task: {len(of_images(results, task, arm, "success")) for arm in of} for task, of in arms.items()}
    return "; ".join(f"{escape(task)}: {' to '.join(map(str, _ends(of)))} images" for task, of in counts.items())


def _ends(numbers: set[int]) -> list[int]:
    return sorted({min(numbers), max(numbers)})


def _verdicts(
    results: Results, task: str, arms: Sequence[str], ours: str, metrics: Sequence[str], success: float
) -> Iterator[str]:
    """A sentence for each metric, or the one that says why there are none."""
    rates = {arm: of_images(results, task, arm, "success").mean() for arm in arms}
    able = [arm for arm, rate in rates.items() if rate >= success]
    rivals = [arm for arm in able if arm != ours]
    least = f"{success:g} % of the images"
    if ours not in rates:
        yield f"no verdict, as nothing is stored of {escape(ours)}."
    elif ours not in able:
        yield f"{_no('it has not')}, as {_rated({ours: rates[ours]})}, and the methods compared fool at least {least}."
    elif not rivals:
        yield f"no verdict, as no method but {escape(ours)} fools at least {least}."
    else:
        for metric in metrics:
            changes = {arm: change for arm in rivals if (change := _paired(results, task, ours, arm, metric))}
            yield _verdict(ours, metric, changes)
    if ours in able and (below := {arm: rate for arm, rate in rates.items() if arm not in able}):
        yield f"left out, as they fool less than {least}: {_rated(below)}."


def _paired(results: Results, task: str, ours: str, arm: str, metric: str) -> Interval | None:
    """Of the difference on images that both methods fool, with every seed; none where there is no such image."""
    values = {}
    for one in (ours, arm):
        fooled = of_images(results, task, one, "success") == 100
        values[one] = of_images(results, task, one, metric).where(fooled)
    differences = (values[ours] - values[arm]).dropna()
    return mean_interval(differences) if len(differences) else None


def _verdict(ours: str, metric: str, changes: Mapping[str, Interval]) -> str:
    """What the differences to the other methods say of a distance."""
    if not changes:
        return f"no verdict on {named(metric)}, which was not measured of two methods on an image that both fool."
    smaller = [arm for arm, change in changes.items() if change.low > 0]
    unclear = [arm for arm, change in changes.items() if not change.clear_of_zero]
    name, distance = escape(ours), named(metric)
    if smaller:
        said = f"{_no('no')}, {name} has not the smallest {distance}; smaller is that of {_listed(smaller)}"
    elif unclear:
        said = f"not distinguishable: whether {name} or {_listed(unclear)} has the smallest {distance} is not clear"
    else:
        said = f"<span class='good'>yes</span>, {name} has the smallest {distance} of {len(changes) + 1} methods"
    listed = [f"{shown(metric, c, '+')} against {escape(arm)} on {c.n} images" for arm, c in changes.items()]
    return f"{said}: {'; '.join(listed)}."


def _no(text: str) -> str:
    return f"<span class='bad'>{text}</span>"


def _listed(arms: Sequence[str]) -> str:
    return " and ".join(map(escape, arms))


def _rated(rates: Mapping[str, float]) -> str:
    return ", ".join(f"{escape(arm)} fools {number('success', rate)} %" for arm, rate in rates.items())
