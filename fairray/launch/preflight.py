"""What can be told of a Ray job before it is sent: is it small enough, does it fit, will it find its data and store."""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ray._private import ray_constants
from ray._private.runtime_env.packaging import _dir_travel, _get_excludes

from fairray.errors import BadInput
from fairray.launch.cluster import fit
from fairray.launch.connect import SHARE
from fairray.launch.resources import Resources
from fairray.study import Launch

__all__ = ["Node", "Upload", "check_fits", "check_launch", "measure_upload"]

LIMIT = ray_constants.DASHBOARD_CLIENT_MAX_SIZE  # bytes that the head takes in one request
ENTRY_BYTES, END_BYTES = 76, 22  # of a zip: of each file besides its name, which stands twice, and its content


@dataclass(frozen=True)
class Node:
    """A node of a cluster. resources: by name. started: by an autoscaler, which may start others."""

    resources: Mapping[str, float]
    started: bool = False


@dataclass(frozen=True)
class Upload:
    """What a job takes along. sizes: bytes of each file by its place in the folder."""

    folder: Path
    sizes: Mapping[str, int]

    @property
    def size(self) -> int:
        """Bytes of the zip that Ray makes of it, which is not compressed."""
        return sum(size + ENTRY_BYTES + 2 * len(name.encode()) for name, size in self.sizes.items()) + END_BYTES

    def __str__(self) -> str:
        largest = sorted(self.sizes.items(), key=lambda item: -item[1])[:10]
        head = f"{_mib(self.size)} in {len(self.sizes)} files; at most {_mib(LIMIT)} can be uploaded. The largest:"
        return "\n".join([head, *(f"  {_mib(size):>12}  {name}" for name, size in largest)])

    def holds(self, path: Path) -> bool:
        """Whether a file, or anything of a folder, is in it."""
        if not path.is_relative_to(self.folder):
            return False
        place = path.relative_to(self.folder).as_posix()
        return any(name == place or name.startswith(f"{place}/") for name in self.sizes)

    def check(self) -> None:
        """Raise BadInput where it is larger than Ray takes."""
        if self.size > LIMIT:
            cure = "name what the job does not read in .rayignore; put large data where all nodes reach it"
            raise BadInput(f"upload of {self.folder}", str(self), cure)


def measure_upload(folder: Path) -> Upload:
    """What Ray takes from a folder: not what .gitignore, .rayignore and its own excludes name."""
    folder, sizes = folder.resolve(), {}

    def add(path: Path) -> None:
        if path.is_file() or next(path.iterdir(), None) is None:  # as Ray zips it: files, and folders that are empty
            place = path.relative_to(folder).as_posix()
            sizes[place if path.is_file() else f"{place}/"] = path.stat().st_size if path.is_file() else 0

    excludes = [_get_excludes(folder, ray_constants.get_runtime_env_default_excludes())]
    obeyed = os.environ.get(ray_constants.RAY_RUNTIME_ENV_IGNORE_GITIGNORE) != "1"
    _dir_travel(folder, excludes, add, include_gitignore=obeyed, logger=logging.getLogger(__name__))
    return Upload(folder, sizes)


def check_fits(needs: Iterable[Resources], nodes: Iterable[Node]) -> None:
    """Raise BadInput where a job fits on no node; what an autoscaler can start, its cluster tells the job itself."""
    nodes = list(nodes)
    for each in needs if not any(node.started for node in nodes) else ():
        fit(each, [node.resources for node in nodes], None)


def check_launch(launch: Launch, nodes: Iterable[Node]) -> None:
    """Raise BadInput for what a cluster cannot run: one process, or a store that its nodes do not share."""
    nodes = list(nodes)
    if launch.executor == "local":
        cure = "leave launch=local out, or run the study here"
        raise BadInput("launch", "launch=local computes in one process, and a job would do so on the head", cure)
    if len(nodes) < 2 and not any(node.started for node in nodes):
        return
    if "://" not in launch.store_root and not Path(launch.store or launch.output).is_absolute():
        where, place = ("launch.store", launch.store) if launch.store else ("launch.output", launch.output)
        problem = f"{place} is a folder of each node's own, and the nodes must share the results"
        raise BadInput(where, problem, SHARE)


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
