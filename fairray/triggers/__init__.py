"""Backdoor triggers, one file each: pure batched functions ``stamp(x, which)``."""
