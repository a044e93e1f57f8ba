"""What is tried in a copy of the test's process: a new one would spend seconds on importing torch."""

import multiprocessing
from collections.abc import Callable
from typing import Any


def forked(function: Callable[[], Any]) -> Any:
    """What a function gives in a process that can change what it likes; it must not fail."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=lambda: send.send(function()))
    process.start()
    send.close()
    try:
        return receive.recv()
    finally:
        process.join()
        assert process.exitcode == 0
