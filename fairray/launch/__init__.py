"""Running studies: the only place that knows Ray, Optuna and MLflow."""
