"""What features look like: t-SNE maps of test images, coloured by what they are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.data import Dataset
from fairray.report._blocks import Block, Items, Picture, Strong, Text
from fairray.results import Results
from fairray.trial import dataset

__all__ = ["Embedding"]

NEAREST = 5  # images that are looked at around each, to tell whether classes are apart


@dataclass(frozen=True)
class Embedding:
    """A row of maps for each method on each task, coloured by the classes of one task after the other; first seed.

    Beside them: how many of the images nearest to each are of its class.
    """

    title: str = "Features"

    def __call__(self, results: Results) -> Iterator[Block]:
        maps = {pair: found for pair in results.chosen if len(found := _read_map(results, *pair))}
        if not maps:
            yield Text("No features were laid out: set methods.*.tsne to a number of images.")
            return
        data = {task: dataset(results.study.tasks[task]) for task, _ in maps}
        counts = ", ".join(sorted({str(len(points)) for points in maps.values()}))
        caption = f"t-SNE of the feature layer on {counts} test images, first seed; a colour is a class."
        alt = f"maps of test images for {'; '.join(map(', '.join, maps))}"
        yield Picture("tsne", _draw(maps, data), alt, caption)
        yield Items([(Strong(", ".join(pair)), f": {_tell_alike(of, data[pair[0]])}.") for pair, of in maps.items()])
        yield Text(
            f"How many of the {NEAREST} images nearest in the plane are of an image's own class, and how many would be "
            "by chance: where these are alike, the classes are not to be told apart there. It is one map, of one seed."
        )


def _read_map(results: Results, task: str, arm: str) -> pd.DataFrame:
    """The places of the examples, by their ids; empty where the method lays none out."""
    records = results.records
    rows = records[(records["trial"] == results.chosen[task, arm].uid) & records["metric"].isin(["tsne_x", "tsne_y"])]
    rows = rows[(rows["task"] == task) & (rows["arm"] == arm) & (rows["seed"] == rows["seed"].min())]
    return rows.pivot(index="sample", columns="metric", values="value")


def _tell_alike(points: pd.DataFrame, data: Dataset) -> str:
    labels = {name: _read_labels(points, data, name) for name in data.tasks}
    shares = {name: (_find_alike(points, of), _expect_alike(of)) for name, of in labels.items()}
    return ", ".join(
        f"{name} {100 * found:.0f} % (chance {100 * chance:.0f} %)" for name, (found, chance) in shares.items()
    )


def _find_alike(points: pd.DataFrame, labels: np.ndarray) -> float:
    """Of the nearest images of all images, the share that has the same label."""
    from sklearn.neighbors import NearestNeighbors  # slow to import, and most reports have no map

    neighbours = NearestNeighbors(n_neighbors=min(NEAREST, len(points) - 1)).fit(points.to_numpy())
    nearest = neighbours.kneighbors(return_distance=False)
    return float((labels[nearest] == labels[:, None]).mean())


def _expect_alike(labels: np.ndarray) -> float:
    """The share of pairs of images that have the same label."""
    counts = np.bincount(labels)
    return float((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1)))


def _read_labels(points: pd.DataFrame, data: Dataset, name: str) -> np.ndarray:
    """The labels of the examples of a map for one task."""
    labels = pd.Series(data.test[data.tasks[name].column].numpy(), index=data.test["id"].numpy())
    return labels[points.index.astype(int)].to_numpy()


def _draw(maps: Mapping[tuple[str, str], pd.DataFrame], data: Mapping[str, Dataset]) -> Figure:
    """maps: by task and method, the places of examples. data: by task."""
    across = max(len(one.tasks) for one in data.values())
    with sns.axes_style("white"):
        figure = Figure(figsize=(3.4 * across, 0.4 + 3.3 * len(maps)), layout="constrained")
        panels = figure.subplots(len(maps), across, squeeze=False)
        for ((task, arm), points), row in zip(maps.items(), panels, strict=True):
            for axes, name in zip(row, data[task].tasks, strict=False):
                _draw_map(axes, points, data[task], name)
                axes.set(title=f"{task}, {arm}: by {name}", xticks=[], yticks=[])
                axes.title.set_fontsize(9)
            for axes in row[len(data[task].tasks) :]:
                axes.set_visible(False)
    return figure


def _draw_map(axes: Axes, points: pd.DataFrame, data: Dataset, name: str) -> None:
    classes, labels = data.tasks[name].classes, _read_labels(points, data, name)
    colours = sns.color_palette("colorblind" if len(classes) <= 10 else "husl", len(classes))
    for label, colour in enumerate(colours):
        of = points[labels == label]
        axes.scatter(of["tsne_x"], of["tsne_y"], s=9, color=colour, label=classes[label], linewidths=0)
