"""Runs of DomainBed and SubpopBench, written as their code writes them, are chosen from and measured as theirs does."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sklearn
import torch

import fairray
from fairray import benchmarks
from fairray.cli import main
from fairray.errors import BadInput
from fairray.metrics import Predictions
from fairray.metrics.accuracy import worst_group_accuracy
from fairray.metrics.eacc import eacc
from fairray.metrics.odds import odds

DOMAINS = 3


def write_run(folder, name, file, lines, done=True):
    """domainbed/scripts/train.py and subpopbench/train.py: a sorted line for each checkpoint, and at the end `done`."""
    (folder / name).mkdir(parents=True)
    (folder / name / file).write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    if done:
        (folder / name / "done").write_text("done")


def write_domainbed(folder, algorithms=("CORAL", "ERM"), trials=3, **more):
    """A sweep over one and two test domains, two draws of hparams, two checkpoints; a row for each of its lines."""
    random, rows = np.random.default_rng(0), []
    tested = [[i] for i in range(DOMAINS)] + [[*pair] for pair in combinations(range(DOMAINS), 2)]
    for number, (algorithm, trial, envs, draw) in enumerate(
        (a, t, e, d) for a in algorithms for t in range(trials) for e in tested for d in range(2)
    ):
        args = {
            "algorithm": algorithm, "checkpoint_freq": None, "data_dir": "data", "dataset": "PACS",
            "holdout_fraction": 0.2, "hparams": None, "hparams_seed": draw, "output_dir": f"out/{number}",
            "save_model_every_checkpoint": False, "seed": number, "skip_model_save": False, "steps": 301,
            "task": "domain_generalization", "test_envs": envs, "trial_seed": trial, "uda_holdout_fraction": 0,
        }  # fmt: skip
        accuracy = [{f"env{i}_{part}_acc": random.uniform(0.6, 0.8) for i in range(DOMAINS) for part in ("in", "out")}
                    for _ in range(2)]  # fmt: skip
        hparams = {"batch_size": 32, "class_balanced": False, "lr": 5e-5}
        lines = [{"args": args, "hparams": hparams, "step": step, "epoch": step / 50, "loss": 0.3, **of}
                 for step, of in zip((0, 300), accuracy)]  # fmt: skip
        write_run(folder, f"{number:032x}", "results.jsonl", lines, **more)
        rows += [{**args, **line, "envs": tuple(envs)} for line in lines]
    return pd.DataFrame(rows)


def judged(folder, tmp_path, **more):
    return fairray.judge(folder, output=tmp_path / "runs", quiet=True, **more)


def test_domainbed_is_chosen_from_by_training_domains_for_each_trial_and_domain(tmp_path):
    """Oracle: the line with the highest mean of the other domains' held-out parts, over hparams and checkpoints."""
    rows = write_domainbed(tmp_path / "sweep")
    results = judged(tmp_path / "sweep", tmp_path)
    assert results.study.baseline == "ERM"
    assert results.study.splits == 3
    for domain in range(DOMAINS):
        others = [f"env{i}_out_acc" for i in range(DOMAINS) if i != domain]
        alone = rows[rows["envs"] == (domain,)]
        best = alone.loc[alone[others].mean(axis=1).groupby([alone["algorithm"], alone["trial_seed"]]).idxmax()]
        for method, own in best.groupby("algorithm"):
            found = results.values(f"PACS env{domain}", method, "accuracy")
            assert [*found] == [*own.sort_values("trial_seed")[f"env{domain}_in_acc"]]
    verdict = results.verdict("accuracy")
    assert [*verdict["against"].unique()] == ["ERM"]
    assert len(verdict) == DOMAINS


def test_domainbed_is_chosen_from_by_leaving_domains_out(tmp_path):
    """Oracle: by hparams and checkpoint, the mean over the other domains of the run that left out both."""
    rows = write_domainbed(tmp_path / "sweep", algorithms=("ERM", "IRM"), trials=2)
    results = judged(tmp_path / "sweep", tmp_path, selection="leave_one_out")
    place = rows.set_index(["algorithm", "trial_seed", "envs", "hparams_seed", "step"]).sort_index()
    for method, domain, trial in (("ERM", 0, 0), ("IRM", 1, 1), ("IRM", 2, 0)):
        scores = {}
        for draw, step in ((0, 0), (0, 300), (1, 0), (1, 300)):
            pairs = {o: tuple(sorted((o, domain))) for o in range(DOMAINS) if o != domain}
            told = [place.loc[(method, trial, pair, draw, step), f"env{o}_in_acc"].item() for o, pair in pairs.items()]
            scores[draw, step] = np.mean(told)
        expected = place.loc[(method, trial, (domain,), *max(scores, key=scores.get)), f"env{domain}_in_acc"].item()
        assert results.values(f"PACS env{domain}", method, "accuracy")[trial] == expected


def measure(y, a, predicted):
    """subpopbench/utils/eval_helper.py's `eval_metrics`, without what needs scores."""
    report = sklearn.classification_report(y, predicted, output_dict=True, zero_division=0.0)
    cells = {f"y={i},a={j}": (y == i) & (a == j) for i in np.unique(y) for j in np.unique(a)}
    per_group = {
        name: {"accuracy": sklearn.accuracy_score(y[of], predicted[of]), "n_samples": int(of.sum())}
        for name, of in cells.items()
    }
    return {
        "overall": {"accuracy": sklearn.accuracy_score(y, predicted), "n_samples": len(y)},
        "per_class": {str(i): report[str(i)] for i in np.unique(y)},
        "per_group": per_group,
        "adjusted_accuracy": sum(own["accuracy"] for own in per_group.values()) / len(per_group),
        "min_group": pd.DataFrame(per_group).min(axis=1).to_dict(),
    }  # fmt: skip


def write_subpopbench(folder, algorithms=("ERM", "GroupDRO"), seeds=2):
    """Two draws of hparams, two checkpoints; gives the predictions on test data, and the validation scores."""
    random, told = np.random.default_rng(0), {}
    for algorithm, seed, draw in ((a, s, d) for a in algorithms for s in range(seeds) for d in range(2)):
        name, lines = f"Waterbirds_{algorithm}_hparams{draw}_seed{seed}", []
        args = {"algorithm": algorithm, "dataset": "Waterbirds", "hparams_seed": draw, "seed": seed,
                "train_attr": "yes", "store_name": name, "output_dir": f"./output/vanilla_attrYes/{name}"}  # fmt: skip
        for step in (0, 100):
            y, a = np.arange(400) % 2, np.arange(400) // 2 % 2
            va, te = (np.where(random.random(400) < random.uniform(0.6, 0.9), y, 1 - y) for _ in range(2))
            line = {
                "args": args,
                "hparams": {"lr": 1e-3},
                "step": step,
                "va": measure(y, a, va),
                "te": measure(y, a, te),
            }
            lines.append(line | {"te_avg_acc": line["te"]["overall"]["accuracy"], "mem_gb": 0.0})
            told[algorithm, seed, draw, step] = line["va"], (y, a, te)
        write_run(folder, name, "results.json", lines)
    return told


@pytest.mark.parametrize(
    ("rule", "score"),
    [
        ("worst_group", lambda va: va["min_group"]["accuracy"]),
        ("worst_class", lambda va: min(own["recall"] for own in va["per_class"].values())),
        ("accuracy", lambda va: va["overall"]["accuracy"]),
    ],
)
def test_subpopbench_is_chosen_from_on_validation_data_and_measured_by_our_metrics(rule, score, tmp_path):
    """Our metrics of the predictions that their numbers were computed of."""
    told = write_subpopbench(tmp_path / "vanilla_attrYes")
    results = judged(tmp_path / "vanilla_attrYes", tmp_path, selection=rule)
    assert results.study.splits == 1
    for method, seed in (("ERM", 0), ("ERM", 1), ("GroupDRO", 1)):
        tried = {key: of for key, of in told.items() if key[:2] == (method, seed)}
        y, a, predicted = (torch.from_numpy(of) for of in max(tried.values(), key=lambda of: score(of[0]))[1])
        p = Predictions(torch.nn.functional.one_hot(predicted, 2)[None].double(), y, a, 2)
        for metric in (odds, eacc, worst_group_accuracy):
            found = results.values("Waterbirds", method, metric.__name__)[seed]
            assert found == pytest.approx(metric(p).item(), rel=1e-12)


def test_what_is_not_whole_is_left_out_and_said(tmp_path, capsys):
    """A run without `done`, and by it the algorithm that lacks a seed."""
    folder = tmp_path / "vanilla_attrYes"
    write_subpopbench(folder)
    for draw in (0, 1):
        (folder / f"Waterbirds_GroupDRO_hparams{draw}_seed1" / "done").unlink()
    study = benchmarks.ask(folder, str(tmp_path), "x")
    assert [*study.methods] == ["ERM"]
    assert study.baseline is None
    assert study.left_out["GroupDRO"] == "it has no Waterbirds seed 1"
    assert "run Waterbirds_GroupDRO_hparams0_seed1" in study.left_out


@pytest.mark.parametrize(
    ("change", "more", "says"),
    [
        (lambda run: None, {"selection": "oracle"}, r"there is no rule of SubpopBench on validation data 'oracle'"),
        (lambda run: None, {"baseline": "erm"}, r"there is no algorithm in .* 'erm'"),
        (lambda run: (run / "results.json").write_text("{}\n"), {}, r"results.json, line 1: it is no checkpoint"),
        (lambda run: (run / "results.json").write_text("no"), {}, r"results.json, line 1: it is no checkpoint"),
        (lambda run: (run / "done").unlink(), {}, "none of its runs is finished"),
        (
            lambda run: (run / "results.json").unlink(),
            {},
            r"it has no RUN/results.jsonl \(DomainBed\) or",
        ),
    ],
)
def test_what_is_no_sweep_is_told(change, more, says, tmp_path):
    write_subpopbench(tmp_path / "sweep", algorithms=("ERM",), seeds=1)
    for run in (tmp_path / "sweep").iterdir():
        change(run)
    with pytest.raises(BadInput, match=says):
        benchmarks.ask(tmp_path / "sweep", str(tmp_path), "x", **more)


def test_the_command_says_by_which_rule(tmp_path, capsys, monkeypatch):
    write_domainbed(tmp_path / "sweep", trials=2)
    monkeypatch.chdir(tmp_path)
    assert main(["judge", "sweep"]) == 0
    page = (tmp_path / "runs" / "reports" / "sweep" / "given" / "report.html").read_text()
    assert "best by accuracy on a training-domain validation set" in page
    assert "| PACS env0 | CORAL" in capsys.readouterr().out
    for wrong in ("--logits", "y=label"):
        assert main(["judge", "sweep", wrong]) == 2
