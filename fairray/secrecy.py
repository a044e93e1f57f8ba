"""What is secret does not stand in what is said: passwords in URLs, and what the environment calls a token or a key."""

import os
import re

__all__ = ["has_password", "hide", "strip_password"]

PASSWORD = re.compile(
    r"""(\w://)(?:[^\s/'"]*  # who asks, up to the last @ before a slash
    |[^\s/:@'"]*:(?!\d+/)[^\s'"]*)@  # or a password with slashes, as keys of buckets have; a port is none
    """,
    re.VERBOSE,
)
WORDS = "TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|SIGNATURE|ACCESS_?KEY|API_?KEY"
NAMES = re.compile(WORDS, re.IGNORECASE)
GIVEN = re.compile(rf"([?&][\w.-]*(?:{WORDS})[\w.-]*=)[^&\s'\"]+", re.IGNORECASE)
SHORTEST = 8  # characters of a value that is hidden: shorter ones are found in any text
HIDDEN = "***"


def hide(text: str) -> str:
    """A text without what is secret in it."""
    for value in _list_secrets():
        text = text.replace(value, HIDDEN)
    return GIVEN.sub(rf"\1{HIDDEN}", PASSWORD.sub(rf"\1{HIDDEN}@", text))


def strip_password(url: str) -> str:
    """A URL that others may follow."""
    return GIVEN.sub(rf"\1{HIDDEN}", PASSWORD.sub(r"\1", url))


def has_password(text: str) -> bool:
    """Whether a URL in a text says who asks, before an @ or in its query."""
    return bool(PASSWORD.search(text) or GIVEN.search(text))


def _list_secrets() -> list[str]:
    """The longest first, as one may be a part of another. A path says where a secret is, and is none."""
    found = {value for name, value in os.environ.items() if NAMES.search(name) and len(value) >= SHORTEST}
    return sorted((value for value in found if not os.path.exists(value)), key=len, reverse=True)
