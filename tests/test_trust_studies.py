"""The trust studies from the command line to the report, at smoke scale."""

import numpy as np
import pandas as pd
import pytest
import smoke

from fairray import config, report
from fairray.cli import main
from fairray.launch.planning import open_results
from fairray.statistics.trust import trust_score
from fairray.trial import dataset

QUICK = ["--scale", "smoke", *smoke.HERE]
TASKS = ["shape", "colour", "size", "location", "background"]
CLASSES = [5, 7, 3, 4, 3]


def reports(tmp_path_factory, study, *arguments):
    folder = tmp_path_factory.mktemp(study)
    assert main(["run", study, *QUICK, *arguments, f"launch.output={folder}"]) == 0
    return folder / "reports" / study / "smoke"


@pytest.fixture(scope="module")
def suppressed(run_once):
    return run_once(*smoke.SUPPRESSION)[0]


@pytest.fixture(scope="module")
def suppression(suppressed):
    return suppressed / "reports" / "trust_suppression" / "smoke"


def told(folder, task, arm, seed):
    """What the probes say of each task, by the records."""
    records = pd.read_csv(folder / "records.csv").query("metric == 'probe_accuracy' and split == 'test'")
    rows = records.query("task == @task and arm == @arm and seed == @seed")
    return rows.set_index("probed")["value"]


def test_the_score_is_that_of_the_records(suppression):
    table = pd.read_csv(suppression / "trust.csv").set_index(["tasks", "method"])
    for arm in ("standard", "grl_random"):
        scores = [
            trust_score(np.array([told(suppression, f"At once {t}", arm, seed)[TASKS] for t in TASKS]), CLASSES)
            for seed in (0, 1)
        ]
        assert table.loc[("At once", arm), "mean"] == pytest.approx(np.mean(scores))
    assert table.loc[("At once", "standard"), "printed"] == 0.7530
    for line in (suppression / "trust.md").read_text().splitlines()[2:]:
        score, wide = (cell.split(" [")[0] for cell in line.split(" | ") if "[" in cell)
        assert score == wide
    assert set(table.index.get_level_values("tasks")) == {"At once"}  # of the pairs there are not all rows
    page = (suppression / "report.html").read_text()
    assert "At once, grl_random" in page
    assert (suppression / "matrices.png").stat().st_size > 10_000


def test_a_bar_is_as_high_as_probes_are_right(suppressed, suppression):
    name, _, scale, *given = smoke.SUPPRESSION
    results = open_results(config.load(name, scale, [*given, f"launch.output={suppressed}"]))
    (picture,) = report.TrustBars()(results)
    for task, axes in zip(TASKS, picture.image.axes, strict=False):
        assert axes.get_title() == f"trained for {task}"
        assert [tick.get_text() for tick in axes.get_xticklabels()] == TASKS
        bars = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers if len(bars) == 5}
        for arm, heights in bars.items():
            means = [np.mean([told(suppression, f"At once {task}", arm, seed)[of] for seed in (0, 1)]) for of in TASKS]
            assert heights == pytest.approx([100 * mean for mean in means])
        assert set(bars) == {"standard", "grl_random"}
        chance = [line.get_segments()[0][0][1] for line in axes.collections if len(line.get_segments()) == 1]
        assert chance[-5:] == pytest.approx([100 / count for count in CLASSES])
    assert (suppression / "trust_bars_1.svg").is_file()


def test_a_model_s_own_score_is_its_row_s(suppression):
    """The mean over the rows of a seed is the matrix's score."""
    records = pd.read_csv(suppression / "records.csv").query("metric == 'trust' and split == 'test'")
    rows = records[records["task"].str.startswith("At once")].query("arm == 'standard'")
    table = pd.read_csv(suppression / "trust.csv").set_index(["tasks", "method"])
    assert rows["value"].mean() == pytest.approx(table.loc[("At once", "standard"), "mean"])


def test_leaked_accuracy_is_that_of_what_is_suppressed(suppression):
    records = pd.read_csv(suppression / "records.csv").query("split == 'test' and arm == 'grl_random' and seed == 0")
    leaked = records.query("metric == 'leaked_accuracy'").set_index("task")["value"]
    pair, once = (told(suppression, task, "grl_random", 0) for task in ("Pairs shape/colour", "At once shape"))
    assert leaked["Pairs shape/colour"] == pair["colour"]
    assert leaked["At once shape"] == pytest.approx(once[TASKS[1:]].mean())


def test_features_are_laid_out_in_a_plane(tmp_path_factory):
    small = ("seeds=1", "tasks.Digits.target=digit", "network.channels=2", "methods.*.probe_epochs=1")
    folder = reports(tmp_path_factory, "trust_coloured_mnist", *small, "launch.tracking=none")
    places = pd.read_parquet(folder / "samples.parquet").query("metric in ['tsne_x', 'tsne_y']")
    test = dataset({"name": "coloured_mnist"}).test
    rows = [int(i * (len(test["id"]) - 1) / 23 + 1e-3) for i in range(24)]
    assert set(test["y"][rows].tolist()) == set(range(10))
    for _, of in places.groupby(["arm", "metric"]):
        assert of["sample"].tolist() == test["id"][rows].tolist()
        assert of["value"].std() > 0
    assert places.groupby(["arm", "metric"]).ngroups == 4
    assert (folder / "tsne.png").stat().st_size > 10_000
    of = places[places["arm"] == "standard"].pivot(index="sample", columns="metric", values="value").to_numpy()
    apart = ((of[:, None] - of[None]) ** 2).sum(-1) + np.diag(np.full(24, np.inf))
    digits = test["y"][rows].numpy()
    alike = (digits[apart.argsort(1)[:, :5]] == digits[:, None]).mean()
    chance = ((digits[:, None] == digits).sum() - 24) / (24 * 23)
    assert (
        f": digit {100 * alike:.0f} % (chance {100 * chance:.0f} %), foreground "
        in (folder / "report.html").read_text()
    )
    assert (folder / "samples.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_front_is_in_the_report(tmp_path_factory):
    folder = reports(tmp_path_factory, "trust_grl_lambda", "seeds=1", "methods=[standard, grl_known, grl_optuna]")
    records = pd.read_csv(folder / "records.csv")
    assert records.query("arm == 'grl_optuna'")["trial"].nunique() == 4
    assert records.query("arm == 'grl_known'")["trial"].nunique() == 2
    assert (folder / "pareto.png").stat().st_size > 10_000
    assert "Pareto front" in (folder / "report.html").read_text()
    assert set(records.query("arm == 'grl_known'")["method.weight"]) == {0.5, 0.9}
