"""How far models can be trusted to tell their own task alone (PreserveTask)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairray.matrices import LACKING, Matrix, find_matrices
from fairray.report._answers import UNADJUSTED, tell_needed
from fairray.report._blocks import Answer, Bad, Block, Good, Items, Line, Part, Strong, Text, join
from fairray.report._tables import Entry, lay_out, tabulate
from fairray.report._words import refuse_verdict, write_interval
from fairray.resampling import widen_trust
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval
from fairray.statistics.trust import band

__all__ = ["TrustScores"]


@dataclass(frozen=True)
class TrustScores:
    """The trust score of each method on each family of tasks, and how it differs from the baseline's, seed by seed."""

    title: str = "Trust scores"

    def __call__(self, results: Results) -> Iterator[Block]:
        found = {(matrix.family, matrix.arm): matrix for matrix in find_matrices(results)}
        if not found:
            yield Text(LACKING)
            return
        entries = [_measure(results, matrix) for matrix in found.values()]
        cells = lay_out(entries, rows=("tasks", "method", "band"), across="metric")
        cells["with other examples"] = [_write_wide(results, matrix) for matrix in found.values()]
        caption = "Mean over seeds [95 % t-interval]; and over seeds and the examples of a test split, drawn anew."
        yield tabulate("trust", cells, entries, caption)
        yield Text(
            "1 is the ideal: a model tells its own task and nothing of the others. Highly desirable from .9, "
            "acceptable from .8, poor below."
        )
        yield Items([*_compare(results, found, str(results.study.baseline))])

    def answer(self, results: Results) -> Answer | None:
        found = {(matrix.family, matrix.arm): matrix for matrix in find_matrices(results)}
        if not found:
            return None
        baseline = str(results.study.baseline)
        said = [_say(matrix) for (_, arm), matrix in found.items() if arm == baseline or (_, baseline) not in found]
        unclear = [
            change
            for family, arm, change in _pair(found, baseline)
            if not change.clear_of_zero and not _list_doubtful(results, family, arm, baseline)
        ]
        return Answer(join(" ", [*said, *_compare(results, found, baseline)]), UNADJUSTED, tell_needed(unclear))


def _say(matrix: Matrix) -> Line:
    """A score by itself, and whether it is acceptable, where the whole of its interval is in one band."""
    bands = {band(end) for end in (matrix.score.low, matrix.score.high)}
    word = f", {bands.pop()}" if len(bands) == 1 else ""
    return Strong(f"{matrix.family}, {matrix.arm}"), f" has a score of {write_interval('trust', matrix.score)}{word}."


def _measure(results: Results, matrix: Matrix) -> Entry:
    return Entry(
        key={"tasks": matrix.family, "method": matrix.arm, "band": band(matrix.score.mean)},
        metric="trust",
        interval=matrix.score,
        printed=results.look_up_printed(task=matrix.family, arm=matrix.arm, metric="trust"),
    )


def _write_wide(results: Results, matrix: Matrix) -> str:
    wide = widen_trust(results, matrix)
    return write_interval("trust", wide) if wide else ""


def _compare(results: Results, found: Mapping[tuple[str, str], Matrix], baseline: str) -> Iterator[Line]:
    for family, arm, change in _pair(found, baseline):
        text = f": {write_interval('trust', change, '+')} against {baseline}: "
        doubtful = _list_doubtful(results, family, arm, baseline)
        yield Strong(f"{family}, {arm}"), text, _judge(change, doubtful), "."


def _list_doubtful(results: Results, family: str, *arms: str) -> list[str]:
    """Those that are no result on a task of the family."""
    tasks = [task for task, stands_for in results.study.families.items() if stands_for == family]
    return [*dict.fromkeys(name for task in tasks for name in results.doubtful(task, *arms))]


def _pair(found: Mapping[tuple[str, str], Matrix], baseline: str) -> Iterator[tuple[str, str, Interval]]:
    """Of each other method on a family of tasks, by how much its score differs from the baseline's, seed by seed."""
    for (family, arm), matrix in found.items():
        if arm != baseline and (family, baseline) in found:
            yield family, arm, mean_interval((matrix.scores - found[family, baseline].scores).dropna())


def _judge(change: Interval, doubtful: Sequence[str]) -> Part:
    """doubtful: which of the two compared are no results."""
    if doubtful:
        return refuse_verdict(doubtful)
    if change.n < 2:
        return "one seed: no verdict"
    if not change.clear_of_zero:
        return "not clear of zero"
    return Good("more to be trusted") if change.mean > 0 else Bad("less")
