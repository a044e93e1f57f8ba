"""How often do the tests of chapter 4 (Human Imperceptible Attacks ...) find something, and where there is nothing?

Accuracies of 41 groups on a covariate, by what their errors are taken to be (fairray/statistics/regression.py). The
groups have 10 to 2,000 images, evenly on the log scale; the covariate is even on the log scale too, from 500 to
60,000, and placed on the groups at random. The errors are really of the printed covariance, or binomial around .8, or
binomial around accuracies that differ between groups by a deviation of .03 of their own.

Two arms of 50 models, without a difference between them: a paired t-test over the seeds of one start, and over the
means of five starts (fairray/statistics/comparison.py), one-sided as in the print. A start moves an arm's models by a
deviation that is told in deviations of the seeds.

    python benchmarks/beta_tests.py [--studies 500] [--figure docs/dro_tests.png]
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from scipy import stats

from fairray.statistics.comparison import against, over_starts
from fairray.statistics.regression import Errors, fit_line

ERRORS = get_args(Errors)
SIZES = np.geomspace(10, 2000, 41).round().astype(int)
COVARIATE = np.linspace(np.log(500), np.log(60_000), 41)
PLACEMENTS = 200
ACCURACY = 0.8
TRUE_ERRORS = ("printed covariance", "binomial", "binomial, groups differ")
SLOPES = (0, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02)
APART = (0, 0.25, 0.5, 1)
MODELS = 50
STARTS = 5
LEVEL = 0.05


def placements() -> Iterator[np.ndarray]:
    draw = np.random.default_rng(0)
    return (draw.permutation(COVARIATE) for _ in range(PLACEMENTS))


def accuracies(errors: str, covariate: np.ndarray, slope: float, studies: int, draw: np.random.Generator) -> np.ndarray:
    """With axes (study, group)."""
    chance = np.broadcast_to(ACCURACY + slope * (covariate - COVARIATE.mean()), (studies, len(SIZES)))
    if errors == "printed covariance":
        return chance + 0.05 * draw.normal(size=chance.shape) / SIZES**0.25
    own = 0.03 * draw.normal(size=chance.shape) if errors == "binomial, groups differ" else 0
    return draw.binomial(SIZES, np.clip(chance + own, 0, 1)) / SIZES


def found(errors: str, slope: float, studies: int) -> pd.DataFrame:
    """The share of studies with p <= .05: a row for each placement, a column for what errors are taken to be."""
    draw = np.random.default_rng(1)
    rows = []
    for covariate in placements():
        drawn = accuracies(errors, covariate, slope, studies, draw)
        rows.append([np.mean([fit_line(p, SIZES, covariate, e).p <= LEVEL for p in drawn]) for e in ERRORS])
    return pd.DataFrame(rows, columns=ERRORS)


def false_alarms(apart: float, studies: int) -> dict[str, float]:
    """The share of studies of two equal arms in which a test says that the first is higher."""
    draw = np.random.default_rng(2)
    shape = (studies, 2, STARTS, MODELS)
    models = apart * draw.normal(size=(*shape[:3], 1)) + draw.normal(size=shape)
    starts = np.arange(STARTS).repeat(MODELS)
    whole = models.reshape(studies, 2, -1)
    return {
        "seeds of one start": float(np.mean([against(a[0] - b[0], 0).p_greater <= LEVEL for a, b in models])),
        f"means of {STARTS} starts": float(np.mean([over_starts(a, b, starts).p_greater <= LEVEL for a, b in whole])),
    }


def expected(apart: float) -> float:
    """Of the test over the seeds of one start: its t is Student's times the root of 1 + MODELS apart^2."""
    wider = (1 + MODELS * apart**2) ** 0.5
    return float(stats.t.sf(stats.t.ppf(1 - LEVEL, MODELS - 1) / wider, MODELS - 1))


def regressions(studies: int) -> pd.DataFrame:
    """Print both tables of lines; the second is given back, with axes (slope, errors)."""
    print(f"{'rejected without a slope, %':<34}" + "".join(f"{errors:>22}" for errors in ERRORS))
    for true in TRUE_ERRORS:
        rates = found(true, 0, studies) * 100
        cells = (f"{rates[e].mean():.1f} ({rates[e].min():.1f} to {rates[e].max():.1f})" for e in ERRORS)
        print(f"{true:<34}" + "".join(f"{cell:>22}" for cell in cells))
    print(f"mean (least to most) of {PLACEMENTS} placements of the covariate, {studies} studies each\n")
    print(f"{'found with a slope, binomial, %':<34}" + "".join(f"{errors:>22}" for errors in ERRORS))
    power = pd.DataFrame({slope: found("binomial", slope, max(studies // 10, 1)).mean() for slope in SLOPES}).T
    for slope, row in power.iterrows():
        print(f"{slope:<34}" + "".join(f"{rate * 100:>22.1f}" for rate in row))
    return power


def comparisons(studies: int) -> pd.DataFrame:
    """Print the table of two arms, and give it back with axes (deviation of the starts, test)."""
    alarms = pd.DataFrame({apart: false_alarms(apart, studies) for apart in APART}).T
    print(
        f"\n{'false alarms, %; starts deviate by':<34}"
        + "".join(f"{test:>22}" for test in alarms)
        + f"{'expected of one':>22}"
    )
    for apart, row in alarms.iterrows():
        print(f"{apart:<34}" + "".join(f"{rate * 100:>22.1f}" for rate in [*row, expected(apart)]))
    return alarms


def plot(power: pd.DataFrame, alarms: pd.DataFrame, file: Path) -> None:
    sns.set_theme(style="whitegrid", context="notebook", palette="colorblind")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for axes, table, x, y in (
        (
            left,
            power.set_axis(power.index * 100),
            "planted slope, points for each unit of log GDP",
            "p ≤ .05, % of studies",
        ),
        (right, alarms, "deviation of the starts, in those of the seeds", "false alarms, % of studies"),
    ):
        sns.lineplot(table * 100, ax=axes, markers=["o", "s", "D"][: table.shape[1]], dashes=False)
        axes.axhline(LEVEL * 100, color="grey", linewidth=1, linestyle=":", label="5 %")
        axes.set(xlabel=x, ylabel=y, ylim=(0, None))
    left.legend(title="errors taken to be")
    right.legend(title="t-test over")
    figure.savefig(file, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=500, help="a placement; a tenth with slopes, 20 times for arms")
    parser.add_argument("--figure", type=Path, default=Path("docs/dro_tests.png"))
    given = parser.parse_args()
    matplotlib.use("Agg")
    power = regressions(given.studies)
    plot(power, comparisons(20 * given.studies), given.figure)


if __name__ == "__main__":
    main()
