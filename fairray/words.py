"""Words that several rooms write alike."""

__all__ = ["write_count"]


def write_count(number: int, noun: str) -> str:
    """How many of a thing there are: 1 seed, 2 seeds."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
