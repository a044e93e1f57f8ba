"""Two nodes on this machine: one is lost in the middle of a study, and nothing shows it."""

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import ray
from ray.cluster_utils import Cluster
from smoke import ARGUMENTS

from fairray.store import Store

# Ray's cluster for tests leaves the pipes of its nodes open
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

STUDY = [*ARGUMENTS, "methods=[standard, reweighing, bade, bade_tuned]", "launch.engine=alone", "launch.workers=2"]


@pytest.fixture
def cluster(monkeypatch):
    """A head that computes nothing, and two nodes of two CPUs."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.nodes = [made.add_node(num_cpus=2) for _ in range(2)]
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def start(folder, address):
    command = [sys.executable, "-m", "fairray", "run", *STUDY, f"launch.output={folder}", f"launch.address={address}"]
    folder.mkdir()
    with (folder / "log").open("w") as log:
        return subprocess.Popen([*command, "launch.tracking=none"], stdout=log, stderr=log)


def records(folder):
    return pd.read_csv(folder / "reports" / "bade_benchmarks" / "smoke" / "records.csv")


def stored(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in Path(folder, "store").glob("??/*/spec.json")}


def test_a_node_that_is_lost_costs_nothing_that_was_stored_and_changes_no_number(cluster, tmp_path):
    undisturbed = start(tmp_path / "undisturbed", cluster.address)
    assert undisturbed.wait(timeout=600) == 0, (tmp_path / "undisturbed" / "log").read_text()
    disturbed = start(tmp_path / "disturbed", cluster.address)
    whole, deadline = len(stored(tmp_path / "undisturbed")), time.monotonic() + 300
    while len(stored(tmp_path / "disturbed")) < whole // 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    kept = stored(tmp_path / "disturbed")
    assert whole // 3 <= len(kept) < whole
    cluster.remove_node(cluster.nodes[1], allow_graceful=False)
    assert disturbed.wait(timeout=600) == 0, (tmp_path / "disturbed" / "log").read_text()
    again = stored(tmp_path / "disturbed")
    assert again.keys() == stored(tmp_path / "undisturbed").keys()
    assert {uid: again[uid] for uid in kept} == kept  # nothing finished was written twice
    assert Store(str(tmp_path / "disturbed" / "store")).claimed() == []
    pd.testing.assert_frame_equal(records(tmp_path / "disturbed"), records(tmp_path / "undisturbed"))
