"""BaDe's TAR grid on Adult (11 x 11 rates x 5 seeds): the study beside a plain script with Ray Tune alone.

    python benchmarks/tar_grid.py            # the plain script's time is that of 60 of its 605 trials, scaled up
    python benchmarks/tar_grid.py --whole    # all of its trials, which takes more than half an hour on two cores

The plain script is what one would write without fairray: one trial per model, a DataLoader, Adam, the same network,
epochs and rule for the epoch, the same table. The study writes its store, MLflow and report besides.
"""

import argparse
import random
import tempfile
import time
from itertools import pairwise

import pandas as pd
import ray
import torch
import torch.nn.functional as F
from ray import tune
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fairray import config
from fairray.cli import main as fairray
from fairray.datasets.adult import Adult
from fairray.launch.connect import connect

RATES = [round(0.1 * i, 1) for i in range(11)]


def ours(arguments: list[str]) -> float:
    """Seconds of the whole study."""
    start = time.perf_counter()
    assert fairray(["run", "bade_tar_grid", *arguments, f"launch.output={tempfile.mkdtemp()}"]) == 0
    return time.perf_counter() - start


def plain(points: list[dict], settings: dict) -> tuple[float, pd.DataFrame]:
    """Seconds of a Tune run over these points, and its table."""
    data = Adult().load()
    splits = {name: {k: data.split(name)[k] for k in ("x", "y", "group")} for name in ("train", "val", "test")}
    start = time.perf_counter()
    results = tune.Tuner(
        tune.with_resources(tune.with_parameters(bade, splits=splits, settings=settings), {"cpu": 1}),
        param_space={"point": tune.grid_search(points)},
        run_config=tune.RunConfig(verbose=0),
    ).fit()
    rows = [{**r.config["point"], "odds": r.metrics["odds"], "eacc": r.metrics["eacc"]} for r in results]
    assert len(rows) == len(points)
    table = pd.DataFrame(rows).pivot_table(index="tar_negative", columns="tar_positive", values=["odds", "eacc"])
    return time.perf_counter() - start, table


def bade(config: dict, splits: dict, settings: dict) -> None:
    """One model of the grid: a teacher on D_backdoor, then a student."""
    torch.set_num_threads(1)
    point = config["point"]
    torch.manual_seed(point["seed"])
    train = splits["train"]
    rate = torch.where(train["y"] == 1, point["tar_positive"], point["tar_negative"])
    trigger = (torch.rand(len(rate)) >= rate).float()
    balanced = {name: torch.cat([s["x"], 1 - s["group"][:, None].float()], 1) for name, s in splits.items()}
    backdoor = torch.cat([train["x"], trigger[:, None]], 1)
    teacher = fit(backdoor, train["y"], balanced["val"], splits["val"], settings, F.cross_entropy)
    with torch.no_grad():
        soft = teacher(balanced["train"])
    student = fit(train["x"], soft, splits["val"]["x"], splits["val"], settings, distilled)
    odds, eacc = measure(student(splits["test"]["x"]), splits["test"])
    tune.report({"odds": odds, "eacc": eacc})


def fit(x, y, val_x, val, settings, loss_of) -> nn.Module:
    units = settings["units"]
    sizes = [x.shape[1], units, units, units]
    layers = [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.ReLU())]
    net = nn.Sequential(*layers, nn.Linear(units, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=settings["lr"])
    loader = DataLoader(TensorDataset(x, y), batch_size=settings["batch"], shuffle=True)
    best, kept = -1.0, {}
    for _ in range(settings["epochs"]):
        for inputs, targets in loader:
            loss = loss_of(net(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            _, eacc = measure(net(val_x), val)
        if eacc > best:
            best, kept = eacc, {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.load_state_dict(kept)
    return net


def distilled(student, teacher):
    return F.kl_div(F.log_softmax(student, -1), F.log_softmax(teacher, -1), reduction="batchmean", log_target=True)


def measure(logits, split) -> tuple[float, float]:
    right = (logits.argmax(-1) == split["y"]).float()
    cells = [[right[(split["y"] == n) & (split["group"] == b)].mean() for b in (0, 1)] for n in (0, 1)]
    odds = ((cells[0][0] - cells[0][1]).abs() + (cells[1][0] - cells[1][1]).abs()) / 2
    return odds.item(), (sum(sum(row) for row in cells) / 4).item()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole", action="store_true", help="run every trial of the plain script")
    parser.add_argument("--sample", type=int, default=60, help="how many of them otherwise")
    options = parser.parse_args()
    study = config.load("bade_tar_grid", "small")
    connect(study.launch)  # starts Ray, for both
    settings = {"units": study.network.corner.units, **study.training.corner}
    points = [
        {"tar_negative": n, "tar_positive": p, "seed": s} for n in RATES for p in RATES for s in range(study.seeds)
    ]
    sampled = points if options.whole else random.Random(0).sample(points, options.sample)
    mine = ours(["methods=[bade]"])
    seconds, table = plain(sampled, settings)
    print(table.mul(100).round(1).to_string())
    scaled = seconds * len(points) / len(sampled)
    said = "" if options.whole else f", from {len(sampled)} in {seconds:.0f} s"
    print(f"{'':<26}{'models':>8}{'seconds':>10}")
    print(f"{'plain Tune' + said:<26}{len(points):>8}{scaled:>10.0f}")
    print(f"{'fairray':<26}{len(points):>8}{mine:>10.0f}")
    print(f"ratio tar_grid_vs_tune {scaled / mine:.1f}")
    ray.shutdown()


if __name__ == "__main__":
    main()
