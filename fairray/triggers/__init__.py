"""Backdoor triggers, one file each: a frozen dataclass whose ``__call__(x, which)`` gives inputs that carry them."""
