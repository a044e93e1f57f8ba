"""Data sets, one file each: a frozen dataclass whose ``load()`` gives a `Dataset`."""
