"""What a page opens with below the question: the answer, how sure it is, what it cost, and what is not in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fairray.measures import find
from fairray.report._blocks import Answer, Bad, Block, Facts, Line, Strong, join
from fairray.report._words import describe_point, name_metric, write_interval
from fairray.results import Results
from fairray.trial import Trial
from fairray.words import list_some, write_count, write_work

__all__ = ["Opening", "describe_missing", "find_answer"]


NAMED = 6  # of the trials that are missing
REFUSED = "Where there is no verdict it takes models that are results: what is left out says what they lack."


@dataclass(frozen=True)
class Opening:
    """The answer is the first that one of the sections gives, or else each task's best method, which nothing tests."""

    sections: tuple[Any, ...]
    title: str = "In short"

    def __call__(self, results: Results) -> Iterator[Block]:
        answer = find_answer(results, self.sections)
        missing = [*_list_missing(results)] if len(results.records) else []
        yield Facts(
            [
                ("Found", answer.whole),
                ("How sure", answer.sure),
                ("Cost", _describe_cost(results)),
                ("Left out", join("; ", missing) if missing else "Nothing that was declared."),
            ]
        )


def find_answer(results: Results, sections: Sequence[Any]) -> Answer:
    """What the page begins with; where it refuses a verdict, also that more seeds would not give one."""
    if not len(results.records):
        return Answer("Nothing is stored.", "", "It has to run.")
    given = (answer(results) for section in sections if (answer := getattr(section, "answer", None)))
    found = next((answer for answer in given if answer is not None), None) or _name_best(results)
    return found._replace(takes=f"{found.takes} {REFUSED}".strip()) if "no verdict" in found.text else found


def _name_best(results: Results) -> Answer:
    """By the first objective that a task has."""
    tasks = dict.fromkeys(task for task, _ in results.chosen)
    found = [line for task in tasks if (line := _name_best_of(results, task))]
    if not found:
        return Answer("Nothing was measured.", "", "It has to run.")
    covered = f"Intervals of 95 % are {results.covers}."
    return Answer((*join("; ", found), "."), covered, "Nothing here tests whether the others differ from it.")


def _name_best_of(results: Results, task: str) -> Sequence[Any] | None:
    arms = [arm for of, arm in results.chosen if of == task]
    for metric in results.study.objectives:
        if means := {arm: results.interval(task, arm, metric) for arm in arms if results.has(task, arm, metric)}:
            best = max(means, key=lambda arm: find(metric).sign * means[arm].mean)
            return [
                f"{name_metric(metric)} on {task} is {find(metric).best}est with ",
                Strong(best),
                f": {write_interval(metric, means[best])} over {write_count(means[best].n, 'seed')}",
            ]
    return None


def _describe_cost(results: Results) -> str:
    """Of what is stored; a stage that several trials share was computed once."""
    trials = {trial.uid: trial for trial in results.trials}
    seconds = {uid: float(str(made["seconds"])) for uid, made in results.made.items()}
    size = f"{write_count(len(trials), 'trial')}{_describe_stopped(results)}, {write_count(len(seconds), 'stage')}"
    if not seconds:
        return f"{size}."
    each = [sum(seconds.get(uid, 0.0) for uid in trial.needed) for trial in trials.values()]
    spent = sum(seconds.values()) * results.study.launch.threads
    dates = sorted(str(made["at"]) for made in results.made.values())
    return (
        f"{size}: {write_work(spent)}, {max(each):.0f} s for the trial that took longest, on "
        f"{_list_machines(results)}, between {dates[0]} and {dates[-1]}."
        + (f" The last run: {results.last_run}." if results.last_run else "")
    )


def _describe_stopped(results: Results) -> str:
    """How many further trials were stopped early, and after how many epochs; nothing where none was."""
    epochs = [trial.until for trial in results.stopped if trial.until]
    if not epochs:
        return ""
    span = str(min(epochs)) if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"
    return f" and {len(epochs)} that were stopped early (after {span} of their epochs)"


def _list_machines(results: Results) -> str:
    kinds = {f"{made['cores']} cores" + (f", {made['gpu']}" if made["gpu"] else "") for made in results.made.values()}
    return "; ".join(sorted(kinds))


def _list_missing(results: Results) -> Iterator[Line]:
    """Tasks that were left out, trials and methods that are not stored, and those that are no result."""
    for task, why in results.study.left_out.items():
        yield f"{task}, as {why}"
    for missing in results.study.arms():
        if (missing.task, missing.name) not in results.chosen:
            yield f"{missing.name} on {missing.task}, of which nothing is stored"
    for trial, why in results.doubted:
        yield Strong(_name(trial)), ", which is ", Bad("no result"), f": {why}"


def describe_missing(results: Results) -> str:
    """How much of a study is stored, and which trials are not; nothing where it is whole."""
    if not results.missing:
        return ""
    stored, missing = ({trial.uid for trial in trials} for trials in (results.trials, results.missing))
    names = list_some(map(_name, results.missing), NAMED)
    return f"Incomplete: {len(stored)} of {len(stored | missing)} trials are stored; there is nothing of {names}."


def _name(trial: Trial) -> str:
    return ", ".join(filter(None, [trial.task, trial.arm, describe_point(trial.point)]))
