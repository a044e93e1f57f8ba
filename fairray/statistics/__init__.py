"""Statistics of records: pure functions of numbers, wherever those came from."""

from collections.abc import Sequence

import numpy as np

__all__ = ["Values"]

Values = Sequence[float] | np.ndarray
