"""Which tasks were learnt, and which can be read off: matrices of accuracies (PreserveTask, Figures 5 to 19)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.matrices import LACKING, Matrix, find_matrices
from fairray.report._blocks import Block, Picture, Text
from fairray.report._figures import ON_BRIGHT, make_panels
from fairray.report._words import express, write_interval
from fairray.results import Results

__all__ = ["TrustMatrices"]


@dataclass(frozen=True)
class TrustMatrices:
    """A heat map for each method on each family of tasks: which task was learnt, and which can be read off."""

    title: str = "Task matrices"

    def __call__(self, results: Results) -> Iterator[Block]:
        found = list(find_matrices(results))
        if not found:
            yield Text(LACKING)
            return
        caption = (
            "Accuracy on the test set of a probe for the task of the column, on the features of a model that was "
            "trained for the task of the row; means over seeds. The ideal has 100 on the diagonal and chance "
            "elsewhere, which stands under each column's name."
        )
        alt = f"accuracy by trained and by probed task, for {', '.join(dict.fromkeys(one.arm for one in found))}"
        yield Picture("matrices", _draw(found), alt, caption)


def _draw(found: Sequence[Matrix]) -> Figure:
    several = len({one.family for one in found}) > 1
    with sns.axes_style("white"):
        figure, panels = make_panels(len(found), size=(4.6, 4.1), margin=(0.8, 0.4))
        for matrix, axes in zip(found, panels, strict=True):
            _draw_map(axes, matrix, several)
        figure.colorbar(axes.collections[0], ax=figure.axes, label="accuracy (%)", shrink=0.6)
    return figure


def _draw_map(axes: Axes, matrix: Matrix, several: bool) -> None:
    means, ideal = (express("probe_accuracy", share) for share in (matrix.accuracy.mean(0), 1))
    names = [f"{name}\n({ideal / classes:.0f})" for name, classes in matrix.tasks.items()]
    sns.heatmap(
        means, ax=axes, vmin=0, vmax=ideal, cmap="viridis", annot=True, fmt=".0f", square=True, cbar=False,
        xticklabels=names, yticklabels=list(matrix.tasks), linewidths=0.5,
    )  # fmt: skip
    for text in axes.texts:
        text.set_color(ON_BRIGHT if text.get_color() != "w" else "white")
    axes.tick_params(axis="both", labelrotation=0, labelsize=8)
    score = write_interval("trust", matrix.score)
    of = f"{matrix.family}, {matrix.arm}" if several else matrix.arm
    axes.set(xlabel="probed task (chance)", ylabel="trained task", title=f"{of}: {score}")
    axes.title.set_fontsize(10)
