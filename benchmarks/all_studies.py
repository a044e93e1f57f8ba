"""Every study at small scale, each from nothing and one after the other: the table in docs/studies.md.

    make studies                                                     # those that have no row in build/studies yet
    make studies STUDIES="bade_mitigation dro_beta"                  # these, again
    make studies STUDIES="attack_comparison tasks.Photos.folder=DIR" # with what a study needs besides

A study runs as a user runs it, into build/studies/NAME. What its row says is kept in build/studies/NAME.json; rows of
the table whose study has no such file stay as they are.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ray  # noqa: F401 (psutil is found once it is imported)

from fairray import catalogue, config
from fairray.launch.planning import open_results
from fairray.provenance import provenance
from fairray.report import find_answer, load_sections
from fairray.words import write_bytes

import psutil  # isort: skip

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "studies"
PAGE = ROOT / "docs" / "studies.md"
EVERY_S = 0.5  # so often the processes of a study are looked at
BUSY = 0.05  # of the cores: what others may take before a row says so
COLUMNS = (
    "study",
    "question",
    "minutes",
    "core-minutes",
    "cores used",
    "trials",
    "first sentence",
    "verdict",
    "measured",
)
HEAD = """# All studies at small scale

Written by `make studies` (benchmarks/all_studies.py): each study alone, from nothing, one after the other. Minutes are
by the clock, from the command to its page; core-minutes are CPU time of the driver and all its workers, "cores used"
is how much of the machine's cores that is over these minutes. Where others took more than 5 % of the cores meanwhile
the row says that the machine was busy: alone, a study takes fewer minutes. The first sentence is the page's; a verdict
is open where the sentence says what an answer would take.
"""


class Spent(NamedTuple):
    """What a process and all that it started took. seconds: by the clock. cpu: seconds of CPU time, as they were seen
    last. others: the share of the cores that all else took meanwhile."""

    seconds: float
    cpu: float
    others: float

    @property
    def share(self) -> float:
        """Of the cores' time."""
        return self.cpu / (self.seconds * os.cpu_count())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", help="names of studies, and key=value as fairray run takes them")
    given = parser.parse_args(arguments).studies
    overrides = [text for text in given if "=" in text]
    named = [text for text in given if "=" not in text]
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in named or [name for name in catalogue.studies() if not (KEPT / f"{name}.json").is_file()]:
        print(name, flush=True)
        (KEPT / f"{name}.json").write_text(json.dumps(measure(name, overrides), indent=1))
        PAGE.write_text(write_page(read_rows(), PAGE.read_text() if PAGE.is_file() else ""))


def measure(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """A study's row: what it took and found, or why it did not run."""
    folder = KEPT / name
    shutil.rmtree(folder, ignore_errors=True)
    given = [*overrides, f"launch.output={folder}"]
    before = os.getloadavg()[0]
    with (KEPT / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fairray", "run", name, *given], stdout=log, stderr=subprocess.STDOUT, cwd=ROOT
        )
        spent = watch(process)
    row = {"minutes": spent.seconds / 60, "core_minutes": spent.cpu / 60, "share": spent.share}
    row |= {"others": spent.others, "load_before": before, "measured": describe_machine()}
    if process.returncode:
        lines = (KEPT / f"{name}.log").read_text().splitlines()
        return row | {"failed": next((line for line in lines if line.startswith("error: ")), lines[-1])}
    return row | describe(name, given)


def watch(process: subprocess.Popen) -> Spent:
    """What it takes until it ends."""
    start, before, mine = time.monotonic(), _busy_seconds(), {}
    while process.poll() is None:
        mine |= _cpu_seconds(process.pid)
        time.sleep(EVERY_S)
    seconds, cpu = time.monotonic() - start, sum(mine.values())
    others = (_busy_seconds() - before - cpu) / (seconds * os.cpu_count())
    return Spent(seconds, cpu, max(0.0, others))


def _cpu_seconds(pid: int) -> dict[tuple[int, float], float]:
    """Of a process and all below it that are there, by process; what it was before it is reaped counts."""
    found = {}
    try:
        every = [top := psutil.Process(pid), *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return found
    for one in every:
        try:
            times = one.cpu_times()
            found[one.pid, one.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return found


def _busy_seconds() -> float:
    """Of all cores since the machine started."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system


def describe(name: str, given: Sequence[str]) -> dict[str, Any]:
    """What the page of a study says first, of what its store has."""
    study = config.load(name, "small", given)
    results = open_results(study)
    answer = find_answer(results, load_sections(study))
    trials = {trial.uid for trial in results.trials}
    return {"trials": len(trials), "answer": answer.text, "open": bool(answer.takes)}


def describe_machine() -> str:
    """Cores, memory, versions and the day."""
    facts, memory = provenance(), write_bytes(psutil.virtual_memory().total)
    versions = ", ".join(f"{package} {facts[package]}" for package in ("fairray", "python", "torch", "ray"))
    return f"{facts['cores']} cores, {facts['cpu']}, {memory}; {versions}; {time.strftime('%Y-%m-%d')}"


def read_rows() -> dict[str, dict[str, Any]]:
    """What is kept of each study."""
    return {path.stem: json.loads(path.read_text()) for path in KEPT.glob("*.json")}


def write_page(rows: dict[str, dict[str, Any]], page: str) -> str:
    """The page anew. page: as it was, for the studies of which no row is kept."""
    old = {line.split("]")[0].removeprefix("| ["): line for line in page.splitlines() if line.startswith("| [")}
    lines = [write_row(name, rows[name]) if name in rows else old.get(name) or write_row(name, {})
             for name in catalogue.studies()]  # fmt: skip
    return "\n".join([HEAD, f"| {' | '.join(COLUMNS)} |", f"| {' | '.join(['---'] * len(COLUMNS))} |", *lines, ""])


def write_row(name: str, row: dict[str, Any]) -> str:
    """A study's line in the table."""
    cells = [f"[{name}](../studies/{name}.py)", catalogue.question(name), *_write_numbers(row), *_write_verdict(row)]
    return f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in cells)} |"


def _write_numbers(row: dict[str, Any]) -> list[str]:
    if "trials" not in row:
        return [""] * 4
    busy = (
        f" (busy: load {row['load_before']:.1f} before, others took {row['others']:.0%})"
        if row["others"] > BUSY
        else ""
    )
    return [f"{row['minutes']:.1f}{busy}", f"{row['core_minutes']:.1f}", f"{row['share']:.0%}", str(row["trials"])]


def _write_verdict(row: dict[str, Any]) -> list[str]:
    if not row:
        return ["", "not run yet", ""]
    if "failed" in row:
        return ["", f"did not run: {row['failed']}", row["measured"]]
    return [row["answer"], "open" if row["open"] else "answered", row["measured"]]


if __name__ == "__main__":
    main()
