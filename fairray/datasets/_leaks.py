"""Columns that alone tell what is to be predicted, or who is who."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

__all__ = ["find_leaks"]

MOST_ROWS = 10_000
TELLS = 0.99
FEWEST = 20  # rows from which that is no chance


def find_leaks(frame: pd.DataFrame, label: pd.Series, seed: int = 0) -> Iterator[str]:
    """The columns from which a tree tells the label of rows that it has not seen.

    label: numbers, or a categorical. The score is the mean recall of the labels, or R², of half of the rows.
    """
    rows = np.random.default_rng(seed).permutation(len(frame))[:MOST_ROWS]
    fit, seen = np.array_split(rows, 2)
    if len(seen) < FEWEST:
        return
    is_class = isinstance(label.dtype, pd.CategoricalDtype)
    y = (label.cat.codes if is_class else label).to_numpy()
    tree = DecisionTreeClassifier if is_class else DecisionTreeRegressor
    for name in frame:
        values = frame[name]
        x = (values.cat.codes if isinstance(values.dtype, pd.CategoricalDtype) else values).to_numpy()[:, None]
        guess = tree(random_state=0).fit(x[fit], y[fit]).predict(x[seen])
        if _score(guess, y[seen], is_class) >= TELLS:
            yield str(name)


def _score(guess: np.ndarray, y: np.ndarray, is_class: bool) -> float:
    """1 where every guess is right."""
    if is_class:
        recalls = [float((guess[y == label] == label).mean()) for label in np.unique(y)]
        return float(np.mean(recalls)) if len(recalls) > 1 else 0.0
    return 1 - float(((guess - y) ** 2).mean() / (y.var() or 1.0))
