"""The same study on Ray: inside warm trials, and with Ray Train workers."""

import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import ray
from smoke import ARGUMENTS, LOCAL

import fairray
from fairray.cli import main
from fairray.launch import cluster


@pytest.fixture(autouse=True, scope="module")
def _own_cluster():
    yield
    ray.shutdown()


BREAKS = """
from dataclasses import dataclass
from fairray.training.stage import TrainStage
__all__ = ['Breaks']
@dataclass(frozen=True, kw_only=True)
class Breaks(TrainStage):
    def loss(self, nets, outputs, batch):
        raise RuntimeError('broken on purpose')
"""


def records(folder, *arguments, code=0):
    assert main(["run", *ARGUMENTS, f"launch.output={folder}", *arguments]) == code
    wait_until_all_is_free()
    return records_of(folder)


def records_of(folder):
    return pd.read_csv(folder / "reports" / "bade_benchmarks" / "smoke" / "records.csv")


def wait_until_all_is_free():
    """Every placement group has come back, of trials and of their workers; Ray takes a moment to count."""
    have, deadline = ray.cluster_resources(), time.monotonic() + 20
    while ray.available_resources() != have and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ray.available_resources() == have


@pytest.fixture(scope="module")
def local(run_once):
    return records_of(run_once(*LOCAL)[0])


class OnRay(NamedTuple):
    """The study on Ray, with a method more, which breaks. told: by trial of Ray Tune its config and its last report."""

    folder: Path
    records: pd.DataFrame
    told: list[tuple[dict, dict]]
    said: str


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory):
    folder, told, fit = tmp_path_factory.mktemp("on_ray"), [], cluster.tune.Tuner.fit
    (folder / "breaks.py").write_text(BREAKS)
    keep = lambda tuner: told.extend((dict(one.config), dict(one.metrics)) for one in fit(tuner))  # noqa: E731
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()) as said:
        patch.setattr(cluster.tune.Tuner, "fit", keep)
        more = ("launch.engine=alone", "launch.tracking=none", f"methods.broken={folder / 'breaks.py'}")
        found = records(folder, *more, code=1)
    return OnRay(folder, found, told, said.getvalue())


def test_ray_gives_the_records_of_local(local, on_ray):
    pd.testing.assert_frame_equal(on_ray.records, local, rtol=0, atol=1e-12)
    assert not list(on_ray.folder.glob("tune-*"))


@pytest.mark.slow
def test_an_adaptive_search_on_ray(tmp_path, capsys):
    search = ("search=tpe", "search.points=4", "search.batch=2", "methods.bade_tuned.strength={low: 0.0, high: 1.0}")
    arguments = (*search, "methods=[standard, bade_tuned]")
    first = records(tmp_path, *arguments)
    assert "done Adult bade_tuned strength=" in capsys.readouterr().err
    assert main(["run", *ARGUMENTS, f"launch.output={tmp_path}", *arguments]) == 0
    assert "everything is stored" in capsys.readouterr().err
    assert first["method.strength"].nunique() == 4


def test_an_error_in_a_trial_is_told_and_costs_nothing_else(on_ray):
    assert "RuntimeError: broken on purpose" in on_ray.said
    assert "8 trials computed" in on_ray.said
    assert "broken" not in {*on_ray.records["arm"]}


def test_a_trial_that_fits_nowhere_is_refused(tmp_path, capsys):
    assert main(["run", *ARGUMENTS, f"launch.output={tmp_path}", "launch.cpus=1000"]) == 2
    assert "a job needs 1000 CPU" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_train_workers_give_the_records_of_local(workers, local, tmp_path):
    with_workers = records(tmp_path, "launch.engine=alone", f"launch.workers={workers}")
    rounding = {1: 1e-12, 2: 5e-3}[workers]  # two workers add a batch up in another order
    pd.testing.assert_frame_equal(with_workers, local, rtol=0, atol=rounding)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "end"), [("leaves", "os._exit(1)"), ("crashes", "signal.raise_signal(signal.SIGSEGV)")]
)
def test_a_worker_that_dies_loses_its_own_shard_only(name, end, tmp_path, capsys):
    """The first call of the attack kills its worker; each shard has images of two splits, and calls it twice.

    By a signal to its own thread: one to the process may be handled by another, while this one calls on.
    """
    (tmp_path / f"{name}.py").write_text(
        "import os, signal\n"
        "from dataclasses import dataclass\n"
        "__all__ = ['Dies']\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Dies:\n"
        "    calls: str\n"
        "    def __call__(self, model, x, y, seed=0):\n"
        "        with open(self.calls, 'a') as calls:\n"
        "            calls.write('.')\n"
        "        if os.path.getsize(self.calls) == 1:\n"
        f"            {end}\n"
        "        return 1 - x\n"
    )
    attack = f"{{name: {tmp_path / name}.py, calls: {tmp_path / 'calls'}}}"
    arguments = ["methods=[pgd_l2]", f"methods.pgd_l2.attack={attack}", "methods.pgd_l2.shards=3"]
    assert main(["run", "attack_comparison", "--scale", "smoke", *arguments, f"launch.output={tmp_path}"]) == 0
    assert (tmp_path / "calls").read_text() == "." * (1 + 3 * 2)
    assert "done Toy pgd_l2" in capsys.readouterr().err


def test_tune_s_own_table_reads_as_the_study(on_ray):
    """Its trials are named by arm and point, have searched values and stages in their config, report objectives."""
    found, told = on_ray.records, on_ray.told
    tuned = [(config["method.strength"], said) for config, said in told if config["method"] == "bade_tuned"]
    assert {point for points, _ in tuned for point in points} == {0.0, 0.25, 0.5, 0.75}  # 1 is bade's
    means = found.query("split == 'val' and metric == 'odds' and arm == 'bade_tuned' and group.isna() and model.isna()")
    means = means[means["epoch"].isna()].groupby("method.strength")["value"].mean()
    scored = [(points, said["val_odds"]) for points, said in tuned if "val_odds" in said]
    assert scored
    for points, odds in scored:  # of the points that were whole with it
        assert min(means[points]) - 1e-12 <= odds <= max(means[points]) + 1e-12
    assert {config["label"] for config, _ in told} > {"Adult standard"}
    assert {stage for config, _ in told for stage in config["stages"]} == {
        "standard", "undersampling", "reweighing", "teacher", "student", "evaluation", "breaks"
    }  # fmt: skip


@pytest.mark.slow  # it starts Ray for a few rows
@pytest.mark.parametrize("launch", ["ray", {"executor": "ray"}])
def test_a_frame_on_ray_gives_the_records_of_this_process(launch, tmp_path):
    frame = pd.DataFrame(
        {
            "hired": ["no", "yes", "yes", "no"] * 75,
            "sex": ["f", "f", "m"] * 100,
            "skill": [7 * i % 31 for i in range(300)],
        }
    )
    keys = {"methods": ["standard", "reweighing"], "seeds": 2, "training": {"epochs": 1}, "quiet": True}
    found = []
    for place, own in (("here", {}), ("there", {"launch": launch})):
        study = fairray.from_frame(frame, "hired", "sex", output=tmp_path / place, **keys, **own)
        results = study.run(quiet=True)
        assert results.verdict()["method"].tolist() == ["reweighing"] * 2
        keyed = ["arm", "seed", "split", "stage", "metric", "group", "epoch"]
        found.append(results.records.set_index(keyed)["value"].sort_index())
    assert study.launch.executor == "ray"
    pd.testing.assert_series_equal(*found, rtol=0, atol=1e-12)
