"""Fresh processes in a moment: each is forked from one that has imported what takes seconds, torch first of all."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SERVER = """
import json, os, sys, traceback
from importlib import import_module
for name in sys.argv[1:]:
    import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] == "fairray"]:
    del sys.modules[name]  # each process has its own, from its own folder
path = [entry for entry in sys.path if entry]

def run(program, arguments, folder, first):
    os.chdir(folder)
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    sys.argv, sys.path = ["-c", *arguments], [*first, folder, *path]
    exec(compile(program, "<fresh>", "exec"), {"__name__": "__main__"})

for line in sys.stdin:
    if not (child := os.fork()):
        code = 0
        try:
            run(*json.loads(line))
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Runs programs, each in a process of its own whose working folder is `folder`. importing: before the first."""

    def __init__(self, *importing: str) -> None:
        command = [sys.executable, "-c", SERVER, *(importing or ["fairray.trial"])]
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(
        self, program: str, *arguments: object, folder: Path, first: Sequence[Path] = (), check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """first: where modules are looked for before the folder. Raises where the program fails, if it is checked."""
        assert self.server.stdin
        assert self.server.stdout
        told = [program, [*map(str, arguments)], str(folder), [*map(str, first)]]
        self.server.stdin.write(json.dumps(told) + "\n")
        self.server.stdin.flush()
        code = int(self.server.stdout.readline())
        out, err = ((folder / f".{name}").read_text() for name in ("out", "err"))
        assert not (check and code), err
        return subprocess.CompletedProcess(told, code, out, err)

    def close(self) -> None:
        self.server.communicate()
