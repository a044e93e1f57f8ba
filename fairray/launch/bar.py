"""A bar that fills while a study is computed, for whoever watches: on a terminal or in a notebook."""

import sys
from functools import cached_property
from typing import Any

from fairray.words import cut

__all__ = ["Bar", "is_watched"]

FORM = "{desc} |{bar:20}| {percentage:.0f} %{postfix}"


def is_watched() -> bool:
    """Whether what is said now is seen now, and not read afterwards in a log."""
    return sys.stderr.isatty() or _is_notebook()


def _is_notebook() -> bool:
    find_shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return hasattr(find_shell(), "kernel")


class Bar:
    """How much of a study is computed. On a terminal what has ended stays above it; in a notebook it stands alone."""

    def __init__(self) -> None:
        self.keeps_lines = not _is_notebook()

    @cached_property
    def bar(self) -> Any:  # drawn once there is something to show
        from tqdm.auto import tqdm

        return tqdm(total=1.0, file=sys.stderr, bar_format=FORM, dynamic_ncols=True)

    def show(self, head: str, share: float, said: str, has_ended: bool) -> None:
        """head: how many trials have ended, and when. share: of the stages. said: what happened last."""
        if has_ended and self.keeps_lines:
            self.bar.write(said, file=sys.stderr)
        self.bar.n = share
        self.bar.set_description_str(head, refresh=False)
        self.bar.set_postfix_str("" if share == 1 else cut(said))

    def close(self) -> None:
        if "bar" in vars(self):
            self.bar.close()
