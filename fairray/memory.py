"""How much memory there is for data. What takes more stays where it lies, and is read piece by piece; numbers are the
same either way."""

import os

import torch

from fairray.errors import BadInput

__all__ = ["VARIABLE", "room", "told"]

VARIABLE = "FAIRRAY_MEMORY"
SHARE = 0.5  # the other half is for networks, and what they compute


def room(device: str) -> float:
    """Bytes that data may take on a device: on "cpu" of the machine's memory, on "cuda" of the current card's.

    What FAIRRAY_MEMORY says, or half of the machine's memory, or of what is free on the card.
    """
    if (given := told()) is not None:
        return given
    if device == "cuda":
        kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()  # by torch, for what comes next
        return SHARE * (torch.cuda.mem_get_info()[0] + kept)
    return SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def told() -> float | None:
    """The bytes that FAIRRAY_MEMORY says, in GiB, if it says any. Raises BadInput where that is no number from 0 on."""
    if not (given := os.environ.get(VARIABLE)):
        return None
    try:
        gib = float(given)
    except ValueError:
        gib = -1.0
    if not gib >= 0:
        cure = "set it to the GiB that data may take, such as 8, or to nothing"
        raise BadInput(f"environment variable {VARIABLE}", f"it is {given!r}, a number from 0 on was expected", cure)
    return gib * 2**30
