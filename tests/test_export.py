"""What other tools read is what was measured: read back by pandas and numpy, and from TensorBoard's own events."""

import struct
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from fabricate import results_of
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from test_report import ran

from fairray import cli
from fairray.errors import BadInput
from fairray.launch.export import FORMS, export
from fairray.trial import execute
from fairray.trial import results as read_records


def test_arrays_are_the_values_of_sound_methods_by_seed_and_task(tmp_path):
    """Tasks as the study has them, no method that is no result on one of them, and no seed that lacks a value."""
    values = {("v", "a"): [0.1, 0.2, 0.3], ("u", "a"): [0.4, 0.5, 0.6], ("v", "b"): [0.2, np.nan, 0.1]}
    values |= {("u", "b"): [0.7, 0.8, 0.9], ("v", "c"): [0.0, 0.0, 0.0], ("u", "c"): [0.1, 0.9, 0.1]}
    results = results_of(*(ran(*place, odds=of) for place, of in values.items()), objectives=("odds",))
    assert results.doubt("u", "c")
    assert [path.name for path in export(results, "arrays", tmp_path)] == ["odds.npz", "odds.csv"]
    arrays = np.load(tmp_path / "odds.npz")
    assert "b" not in arrays  # a seed of it failed, so that it is no result
    assert {name: arrays[name].tolist() for name in arrays} == {"a": [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]}
    for i, task in enumerate("vu"):
        assert arrays["a"].mean(0)[i] == results.interval(task, "a", "odds").mean
    paired = pd.read_csv(tmp_path / "odds.csv", index_col=["task", "seed"])
    assert paired["a"].to_dict() == {(task, seed): of for task in "vu" for seed, of in enumerate(values[task, "a"])}
    with pytest.raises(BadInput, match="no method is a result on every task"):
        [*export(results_of(ran("u", "c", odds=[0.1, 0.9])), "arrays", tmp_path)]


def test_parquet_has_every_record_also_where_a_value_is_a_word_or_a_number(tmp_path):
    results = results_of(*(ran("u", "a", point={"method.mse": value}, odds=[0.1, 0.2]) for value in (1, "none", 0.5)))
    (path,) = export(results, "parquet", tmp_path / "new")
    again = pd.read_parquet(path)
    assert again["method.mse"].unique().tolist() == ["1", "none", "0.5"]
    for column in ("task", "arm", "trial", "seed", "metric", "value", "split"):
        assert again[column].tolist() == results.records[column].tolist()


@pytest.fixture
def results(trial, store):
    one = trial("bade", seeds=(0, 1))
    execute([one], store)
    return results_of((one, read_records(one, store).to_dict("records")), objectives=("eacc",), name="mine")


def read_events(path):
    """The events of a file: records of a length, its checksum, so many bytes, and theirs."""
    content = path.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_tensorboard_has_curves_by_epoch_final_numbers_and_what_was_run(results, tmp_path):
    """Writing again leaves one file."""
    for _ in range(2):
        (place,) = export(results, "tensorboard", tmp_path)
    (file,) = place.iterdir()
    shown = [(value, event.step) for event in read_events(file) for value in event.summary.value]
    scalars = {(value.tag, step): value.simple_value for value, step in shown if value.HasField("simple_value")}
    rows = results.records.query("stage == 'student' and split == 'val' and metric == 'eacc'")
    curve = rows.groupby("epoch")["value"].mean()
    assert len(curve) == 2
    assert [scalars["student/val_eacc", int(epoch)] for epoch in curve.index] == pytest.approx([*curve], rel=1e-6)
    assert scalars["test_eacc", 0] == pytest.approx(results.interval("toy", "bade", "eacc").mean, rel=1e-6)
    assert scalars["test_eacc/seed1", 0] == pytest.approx(results.values("toy", "bade", "eacc")[1], rel=1e-6)
    plugged = [HParamsPluginData.FromString(value.metadata.plugin_data.content) for value, _ in shown
               if value.metadata.plugin_data.plugin_name == "hparams"]  # fmt: skip
    (said,) = (one.session_start_info.hparams for one in plugged if one.session_start_info.hparams)
    assert said["training.lr"].number_value == 0.01
    assert said["method.name"].string_value == "bade"
    assert said["chosen"].bool_value is True
    infos = [info for one in plugged for info in one.experiment.metric_infos]
    assert {("test_eacc", 0), *((info.name.tag, 0) for info in infos)} <= scalars.keys()


def test_wandb_is_told_the_same_and_sends_nothing(results, tmp_path, monkeypatch):
    told = []

    def init(**said):
        run = SimpleNamespace(settings=SimpleNamespace(sync_dir=said["dir"]), summary={}, logged={}, said=said)
        run.log = lambda values, step: run.logged.update({step: values})
        run.finish = lambda: told.append(run)
        return run

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init, Settings=dict))
    assert [*export(results, "wandb", tmp_path)] == [tmp_path]
    (run,) = told
    assert (run.said["mode"], run.said["project"], run.said["group"]) == ("offline", "mine", "bade")
    assert run.said["config"]["training.lr"] == 0.01
    assert run.summary["test_eacc"] == results.interval("toy", "bade", "eacc").mean
    rows = results.records.query("stage == 'student' and split == 'val' and metric == 'eacc' and epoch == 1")
    assert run.logged[1]["student/val_eacc"] == pytest.approx(rows["value"].mean())


def test_what_cannot_be_written_is_told(results, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(BadInput, match=r"wandb: it is not installed\n  cure: pip install 'fairray\[wandb\]'"):
        [*export(results, "wandb", tmp_path)]
    with pytest.raises(BadInput, match="did you mean 'parquet'"):
        export(results, "parquett", tmp_path)
    assert tuple(FORMS) == cli.FORMS
