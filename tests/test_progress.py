"""How far a run is, for whoever watches: a bar, on a terminal with what has ended above it."""

import re
import sys
from threading import Event
from types import SimpleNamespace

import pytest

from fairray.launch import bar
from fairray.launch.failures import Failure
from fairray.launch.progress import TOGETHER, Progress

JOB = SimpleNamespace(uids=["a"])


@pytest.fixture
def said(trial, capsys, monkeypatch):
    """What a run of two trials says, by what IPython's shell is."""

    def run(shell, watched=True):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        progress = Progress(lambda ended: ["val eacc 70"] * len(ended), bar=bar.Bar() if watched else None)
        for one in (first := trial(), second := trial("bade")):
            progress.expect(one, 2)
        progress.ended(JOB, 2)
        progress.done(first)
        progress.ended(JOB, 2)
        progress.done(second)
        progress.close()
        return [line.strip() for line in capsys.readouterr().err.replace("\r", "\n").splitlines() if line.strip()]

    return run


def test_lines_stand_above_the_bar_of_a_terminal(said):
    lines = said(None)
    assert [line for line in lines if line.startswith("done")] == [
        f"done toy {m}  val eacc 70" for m in ("standard", "bade")
    ]
    assert "| 50 %, done toy standard val eacc 70" in " ".join(lines)
    assert lines[-1].startswith("[  2/2]")
    assert lines[-1].endswith("| 100 %")


def test_the_bar_of_a_notebook_stands_alone(said):
    assert [line for line in said(SimpleNamespace(kernel=None)) if not line.endswith(("%", "val eacc 70"))] == []
    assert [line for line in said(SimpleNamespace(kernel=None)) if line.startswith("done")] == []


def test_a_log_has_lines_alone(said):
    assert [re.sub(r"\d+:\d\d", "0:00", line) for line in said(None, watched=False)] == [
        "[  1/2] 0:00 ~0:00 left  done toy standard  val eacc 70", "[  2/2] 0:00  done toy bade  val eacc 70"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("terminal", "shell", "watched"), [(True, None, True), (False, None, False), (False, "kernel", True)]
)
def test_who_watches(terminal, shell, watched, monkeypatch):
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: terminal))
    found = SimpleNamespace(kernel=None) if shell else None
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: found))
    assert bar.is_watched() == watched


def test_trials_that_end_meanwhile_are_presented_together(trial, capsys):
    """In lots, in the order in which they ended, each with what was found of it, and what happened between them."""
    ended = [trial(point={"method.x": place}) for place in range(TOGETHER + 3)]
    begun, go_on, lots = Event(), Event(), []

    def present(trials):
        begun.set()
        assert go_on.wait(60)
        lots.append([one.point["method.x"] for one in trials])
        return [f"val eacc {one.point['method.x']}" for one in trials]

    progress = Progress(present)
    for one in ended:
        progress.expect(one, 1)
    progress.done(ended[0])
    assert begun.wait(60)
    progress.done(ended[1])
    progress.again(SimpleNamespace(trials=ended[1:2]), Failure("it broke", "bug"))
    for one in ended[2:]:
        progress.done(one)
    go_on.set()
    progress.close()
    assert lots == [[0], [*range(1, TOGETHER)], [*range(TOGETHER, TOGETHER + 3)]]
    said = [line.split("0:00  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert said.pop(2) == "again (bug) toy standard x=1: it broke"
    assert said == [f"done toy standard x={place}  val eacc {place}" for place in range(TOGETHER + 3)]
