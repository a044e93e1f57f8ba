"""benchmarks/all_studies.py tells what a study took and found, and keeps the rows of studies that are not run again."""

import subprocess
import sys
from pathlib import Path

import pytest

from fairray import catalogue

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import all_studies as studies

SPIN = "import time\nwhile time.process_time() < 0.8: pass"
ROW = {
    "minutes": 2.0,
    "core_minutes": 3.0,
    "share": 0.75,
    "others": 0.01,
    "load_before": 0.2,
    "trials": 4,
    "answer": "Odds | lower: bade.",
    "open": False,
    "measured": "2 cores",
}


def test_the_work_of_what_a_process_starts_counts():
    """A child that spins for 0.8 s of CPU time while its parent waits, however busy the machine is."""
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPIN!r}])"
    spent = studies.watch(subprocess.Popen([sys.executable, "-c", parent]))
    assert 0.2 < spent.cpu < 1.2
    assert spent.cpu <= spent.seconds * 1.1
    assert studies.Spent(60.0, 30.0, 0.0)._replace(cpu=30.0 * studies.os.cpu_count()).share == 0.5


def test_a_row_says_what_a_study_took_and_what_its_page_says_first():
    said = "| 2.0 | 3.0 | 75% | 4 | Odds \\| lower: bade. | answered | 2 cores |"
    row = studies.write_row("bade_mitigation", ROW)
    assert row == f"| [bade_mitigation](../studies/bade_mitigation.py) | {catalogue.question('bade_mitigation')} {said}"
    assert "| 2.0 (busy: load 3.0 before, others took 40%) |" in studies.write_row(
        "dro_beta", {**ROW, "others": 0.4, "load_before": 3.0}
    )
    assert "| open |" in studies.write_row("dro_beta", {**ROW, "open": True})


def test_a_study_that_did_not_run_says_why_and_has_no_numbers():
    failed = {key: value for key, value in ROW.items() if key not in ("trials", "answer", "open")}
    row = studies.write_row("attack_comparison", {**failed, "failed": "error: no folder"})
    assert row.endswith("|  |  |  |  |  | did not run: error: no folder | 2 cores |")


def test_rows_of_studies_that_are_not_run_again_stay():
    first = studies.write_page({"dro_beta": ROW}, "")
    assert first.count("not run yet") == len(catalogue.studies()) - 1
    then = studies.write_page({"bade_mitigation": {**ROW, "trials": 9}}, first)
    assert studies.write_row("dro_beta", ROW) in then
    assert studies.write_row("bade_mitigation", {**ROW, "trials": 9}) in then
    assert studies.write_page({}, then) == then
    assert [line.split("]")[0][3:] for line in then.splitlines() if line.startswith("| [")] == catalogue.studies()


@pytest.mark.slow
def test_a_study_is_described_by_its_store(tmp_path, monkeypatch):
    few = ["tasks={Toy: {name: toy, side: 8}}", "seeds=2", "training.epochs=1", "launch=local", "launch.tracking=none"]
    monkeypatch.setattr(studies, "KEPT", tmp_path)
    row = studies.measure("bade_mitigation", few)
    assert row["trials"] == 2
    assert 0 < row["core_minutes"] < 2
    assert row["answer"].startswith("Against standard: ")
    assert "there is no dataset 'nothing'" in studies.measure("bade_mitigation", ["tasks.Odd/colour=nothing"])["failed"]
