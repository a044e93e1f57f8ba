"""Methods, one file each: a frozen, keyword-only dataclass whose ``chain()`` gives its last stage."""
