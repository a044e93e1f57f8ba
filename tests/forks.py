"""Fresh processes in a moment: each is forked from one that was forked before any test, with all that was imported."""

import gc
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TextIO

ROOT = str(Path(__file__).parents[1])


class Forks:
    """Runs programs, each in a process of its own whose working folder is `folder`. What has been imported where this
    is made, torch first of all, they need not import again, except for the project's own modules."""

    def __init__(self) -> None:
        (heard, asking), (told, answering) = os.pipe(), os.pipe()
        if not (server := os.fork()):
            os.close(asking)  # so that it ends with its parent
            _serve(os.fdopen(heard), os.fdopen(answering, "w"))
        os.close(heard)
        os.close(answering)
        self.server, self.asked, self.answers = server, os.fdopen(asking, "w"), os.fdopen(told)

    def __call__(
        self, program: str, *arguments: object, folder: Path, first: Sequence[Path] = (), check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """first: where modules are looked for before the folder. Raises where the program fails, if it is checked."""
        told = [program, [*map(str, arguments)], str(folder), [*map(str, first)]]
        print(json.dumps(told), file=self.asked, flush=True)
        code = int(self.answers.readline())
        out, err = ((folder / f".{name}").read_text() for name in ("out", "err"))
        assert not (check and code), err
        return subprocess.CompletedProcess(told, code, out, err)

    def close(self) -> None:
        os.kill(self.server, signal.SIGKILL)
        os.waitpid(self.server, 0)
        self.asked.close()
        self.answers.close()


def _serve(asked: TextIO, answers: TextIO) -> None:
    """Never comes back: what would follow is the parent's."""
    try:
        _forget()
        for line in asked:
            if not (child := os.fork()):
                os._exit(_run(*json.loads(line)))
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)
    finally:
        os._exit(0)


def _forget() -> None:
    """The project's modules, since each process has its own, from its own folder; and what pytest does to a process."""
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None) or ""
        if name.split(".")[0] == "fairray" or (file.startswith(ROOT) and "site-packages" not in file):
            del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("_pytest")]
    sys.path[:] = [entry for entry in sys.path if entry]
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # others that it has started are not here, and would be waited for
    gc.freeze()


def _run(program: str, arguments: Sequence[str], folder: str, first: Sequence[str]) -> int:
    os.chdir(folder)
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
    sys.argv, sys.path[:0] = ["-c", *arguments], [*first, folder]
    sys.modules["__main__"], code = ModuleType("__main__"), 0
    try:
        exec(compile(program, "<fresh>", "exec"), sys.modules["__main__"].__dict__)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code
