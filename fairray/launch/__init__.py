"""Running studies: the only place that knows Ray, Optuna and MLflow."""

import warnings

# whoever imports tqdm in a notebook is told that it lacks ipywidgets; then a bar is text
warnings.filterwarnings("ignore", message="IProgress not found")
