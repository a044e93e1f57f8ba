"""A study in one archive: what it declares, what it found and all of its stages, each file with its hash.

bundle.json      what it is, the versions that wrote it, and the sha256 of every other file
NAME.yaml        the study as it was resolved, which `fairray run` takes where the archive is unpacked
files/ studies/  what it names of the user's own, by what NAME.yaml calls it; its script
report/ store/   the page and its files; the stages' specs, records and tensors
"""

import hashlib
import json
import shutil
import sys
import tempfile
import uuid
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from fairray import catalogue, config
from fairray.contrast import Found
from fairray.errors import BadInput
from fairray.identity import SCHEME, USER_FILE, closure
from fairray.provenance import provenance
from fairray.results import Results
from fairray.store import Store
from fairray.study import Launch, Study
from fairray.trial import stages
from fairray.words import list_some, write_count

__all__ = ["LIMIT_MB", "SUFFIX", "Bundle", "Packed", "pack", "unpack"]

SUFFIX = ".zip"
LIMIT_MB = 100
FORMAT = 1  # of the archive
MANIFEST = "bundle.json"
ROOMS = ("files", "report", "store", "studies")
AT_ONCE = (1980, 1, 1, 0, 0, 0)  # the date of every file, so that equal files are an equal archive
HERE = Launch(executor="local", tracking="none", output=".", store="store")


@dataclass(frozen=True)
class Packed:
    """What was written. name: the sha256 of its bundle.json, which says all of it. left_out: what was too large."""

    path: Path
    name: str
    stages: int
    left_out: list[str]

    def __str__(self) -> str:
        said = [f"bundle: {self.path}, {self.path.stat().st_size / 1e6:.1f} MB, {self.stages} stages"]
        said += [f"left out: {text}" for text in self.left_out]
        return "\n".join([*said, f"sha256 of its {MANIFEST}: {self.name}"])


@dataclass(frozen=True)
class Bundle:
    """An archive that is unpacked where the process stands.

    altered: what is wrong with its files. has_tensors: or records alone. sources: by task, which data were asked for.
    """

    name: str
    file: str
    altered: list[str]
    has_tensors: bool
    sources: Mapping[str, str]

    def load(self, overrides: Iterable[str] = ()) -> Study:
        """The study, whose results are those in the archive."""
        study = config.load(self.file, None, [*overrides])
        return replace(study, launch=HERE)

    def compare(self, results: Results) -> Iterator[str]:
        """What of the report's numbers is not what its stages say."""
        for name, content in {**results.files, **Found.of(results).files}.items():
            if name.endswith(".csv") and Path("report", name).read_bytes() != content:
                yield f"report/{name}: it is not what the stages say"


def pack(results: Results, report: Iterable[Path], into: Path | None = None, limit_mb: float | None = None) -> Packed:
    """Write the archive of what a study found. report: the files of its page. into: without it, beside them.

    limit_mb: the stages' tensors are left out where they are more than that together, and each of the user's files
        that is larger. Raises BadInput where what is stored is damaged.
    """
    study = results.study
    into = into or study.folder / f"{study.name}{SUFFIX}"
    own = _Files(1e6 * (LIMIT_MB if limit_mb is None else limit_mb))
    said = config.dump(replace(study, launch=HERE, printed=None, printed_tasks={}), own.name)
    store, uids = Store(study.launch.store_root), [*stages(one for trial in results.trials for one in trial.ends)]
    size, gone = sum(store.measure(uid)[1] for uid in uids), sum(map(store.lacks_tensors, uids))
    if not (whole := size <= own.limit and not gone):
        why = f"as {write_count(gone, 'stage')} lost them (fairray gc)" if gone else f"{size / 1e6:.1f} MB"
        own.left_out.append(f"the tensors of all stages ({why})")
    script = catalogue.script(study.name)
    if script is not None and not script.is_relative_to(catalogue.PACKAGE.parent):
        own.found[script] = f"studies/{script.name}"
    with _writing(into) as archive:
        archive.write(f"{study.name}.yaml", said.encode())
        for path, name in own.found.items():
            archive.write(name, path.read_bytes())
        for path in sorted(filter(Path.is_file, [*report, study.journal])):
            archive.write(f"report/{path.name}", path.read_bytes())
        archive.write("store/scheme", str(SCHEME).encode())
        for uid in uids:
            for part, content in store.parts(uid, whole):
                archive.write(f"store/{uid[:2]}/{uid}/{part}", content)
        archive.close_with(
            study=study.name,
            scale=study.scale,
            file=f"{study.name}.yaml",
            has_tensors=whole,
            left_out=own.left_out,
            sources={trial.task: trial.replicas[0].setting.source for trial in results.trials},
            made=provenance(),
        )
    return Packed(into, archive.name, len(uids), own.left_out)


@dataclass
class _Files:
    """The user's files that values of a study name, and what they are called in the archive."""

    limit: float
    found: dict[Path, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    folders: dict[Path, str] = field(default_factory=dict)

    def name(self, text: str) -> str:
        """What stands for a text: the place in the archive, if it is the path of a file or folder that fits in."""
        path = Path(text)
        if not path.is_absolute() or not path.name or not path.exists():
            return text
        files = [*_list_beside(path)]
        size = sum(file.stat().st_size for file in files)
        if size > self.limit:
            self.left_out.append(f"{text} ({size / 1e6:.1f} MB)")
            return text
        place = self.folders.setdefault(path.parent, f"files/{len(self.folders)}")
        self.found |= {file: f"{place}/{file.relative_to(path.parent).as_posix()}" for file in files}
        return f"{place}/{path.name}"


def _list_beside(path: Path) -> Iterator[Path]:
    """A file, all files of a folder, or a Python file and those beside it that it imports."""
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
        return
    yield path
    if path.suffix == ".py":
        beside = closure([f"{USER_FILE}{path.stem}"])
        files = {Path(str(sys.modules[name].__file__)) for name in beside if not name.startswith("fairray.")}
        yield from sorted(file for file in files - {path} if file.is_relative_to(path.parent))


class _Archive:
    """An archive that is written file by file, and last of all the hash of each."""

    def __init__(self, zipped: ZipFile):
        self.zipped, self.sums, self.name = zipped, dict[str, str](), ""

    def write(self, name: str, content: bytes) -> None:
        info = ZipInfo(name, AT_ONCE)
        info.external_attr = 0o644 << 16
        self.zipped.writestr(info, content, ZIP_DEFLATED)
        self.sums[name] = _hash(content)

    def close_with(self, **said: Any) -> None:
        """Write the manifest. said: what it says besides."""
        content = json.dumps({"format": FORMAT, **said, "sha256": self.sums}, indent=1).encode()
        self.write(MANIFEST, content)
        self.name = self.sums[MANIFEST]


@contextmanager
def _writing(into: Path) -> Iterator[_Archive]:
    """An archive that is there whole or not at all."""
    aside = into.with_name(f".{into.name}.{uuid.uuid4().hex}")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        with ZipFile(aside, "w") as zipped:
            yield _Archive(zipped)
        aside.replace(into)
    except OSError as error:
        raise BadInput(str(into), f"it cannot be written: {error.strerror or error}", "give another place") from error
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def unpack(path: Path, trust: bool = False) -> Iterator[Bundle]:
    """An archive in a folder of its own, in which the process stands until the block ends.

    trust: run the Python files that are in it, which is what a study with methods of its own needs.
    Raises BadInput where it is no bundle, would write elsewhere, or has such files and is not trusted.
    """
    with _opened(path) as zipped, tempfile.TemporaryDirectory() as folder:
        names = [info.filename for info in zipped.infolist() if not info.is_dir()]
        _check_names(path, names, zipped, Path(folder))
        said = _read_manifest(path, zipped)
        if not trust and (code := [name for name in names if name.endswith((".py", ".pyc", ".so"))]):
            problem = f"it has code of its own, which an audit runs: {list_some(code, 5)}"
            raise BadInput(str(path), problem, "read these files; if you trust them, say --trust")
        zipped.extractall(folder, names)
        altered = [*_find_altered(said["sha256"], names, Path(folder))]
        with chdir(folder):
            name = _hash(Path(MANIFEST).read_bytes())
            yield Bundle(name, said["file"], altered, said["has_tensors"], said["sources"])


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(path) as zipped:
            yield zipped
    except FileNotFoundError as error:
        raise BadInput(str(path), "there is no such file", "give an archive that `fairray bundle` wrote") from error
    except (BadZipFile, zlib.error, EOFError) as error:
        raise BadInput(str(path), f"it cannot be unpacked: {error}", "get the archive again") from error


def _check_names(path: Path, names: Sequence[str], zipped: ZipFile, folder: Path) -> None:
    """Raise BadInput where anything would be written elsewhere, or over something, or would not fit."""
    for name, count in Counter(names).items():
        first, *rest = PurePosixPath(name).parts or ("",)
        inside = first in ROOMS if rest else first.endswith((".yaml", ".json"))
        if not inside or ".." in rest or "\\" in name or count > 1:
            raise BadInput(f"{path} ({name})", "no bundle has such a file", "trust nothing in it; get it again")
    size, free = sum(info.file_size for info in zipped.infolist()), shutil.disk_usage(folder).free
    if size > free:
        problem = f"unpacked it takes {size / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left"
        raise BadInput(str(path), problem, "make room, or set TMPDIR to another place")


def _read_manifest(path: Path, zipped: ZipFile) -> dict[str, Any]:
    try:
        said = json.loads(zipped.read(MANIFEST))
        known = said["format"] == FORMAT and said["file"] in said["sha256"] and "/" not in said["file"]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} ({MANIFEST})", "it is no bundle", "give one that `fairray bundle` wrote") from error
    if not known:
        problem = f"it is of format {said['format']}, and this fairray knows {FORMAT}"
        raise BadInput(f"{path} ({MANIFEST})", problem, "use the fairray that wrote it")
    return said


def _find_altered(sums: Mapping[str, str], names: Iterable[str], folder: Path) -> Iterator[str]:
    """What is wrong with the files, by what the manifest says of them."""
    for name in sorted({*sums, *names} - {MANIFEST}):
        if name not in sums:
            yield f"{name}: it was not bundled"
        elif not (folder / name).is_file():
            yield f"{name}: it is missing"
        elif _hash((folder / name).read_bytes()) != sums[name]:
            yield f"{name}: it is not what was bundled"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
