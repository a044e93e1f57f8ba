"""fairray: a distributed hyperparameter-study system for fairness."""

__version__ = "0.1.0"
