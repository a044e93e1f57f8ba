"""fairray: a distributed hyperparameter-study system for fairness."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairray.api import declare, from_frame, judge, load, load_model

__version__ = "0.1.0"
__all__ = ["declare", "from_frame", "judge", "load", "load_model"]


def __getattr__(name: str) -> Any:
    """What Python users call, from api.py, when they first do: it takes seconds to import, and this takes none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fairray import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
