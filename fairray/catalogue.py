"""What there is: members, studies, the files of conf/. Names are those of files, and what is said of them stands in
their docstrings; no member is imported to be listed, as that would take seconds."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from fairray.errors import unknown

__all__ = [
    "FAMILIES", "built_in", "conf_file", "conf_names", "describe", "find", "installed", "names", "question", "scales",
    "script", "studies", "study_keys", "summarize", "writes",
]  # fmt: skip

FAMILIES = (
    "methods", "datasets", "networks", "triggers", "artefacts", "attacks", "costs", "saliency", "metrics", "report"
)  # fmt: skip
PACKAGE = Path(__file__).parent
ROOTS = (Path.cwd(), PACKAGE.parent, PACKAGE)

_entry_points = cache(entry_points)  # what hundreds of packages say of themselves is read once, not for each family


def names(family: str) -> list[str]:
    """Every member of a family, built in or installed."""
    return sorted({*built_in(family), *(point.name for point in installed(family))})


@cache
def built_in(family: str) -> frozenset[str]:
    """The members that are files of fairray."""
    return frozenset(path.stem for path in (PACKAGE / family).glob("[!_]*.py"))


@cache
def writes(family: str, field: str) -> bool:
    """Whether a file of fairray's family has a class with a field of this name."""
    line = re.compile(rf"^    {re.escape(field)}: ", re.MULTILINE)
    return any(line.search(path.read_text()) for path in (PACKAGE / family).glob("*.py"))


@cache
def installed(family: str) -> tuple[EntryPoint, ...]:
    """The members of other packages; an entry point names a module."""
    return tuple(_entry_points().select(group=f"fairray.{family}"))


def describe(family: str) -> dict[str, str]:
    """Every name of a family, metric or study, and the first paragraph that is written of it."""
    if family == "studies":
        return {name: question(name) for name in studies()}
    if family == "metrics":  # several in a file
        return dict(sorted(pair for name in names(family) for pair in _describe_functions(_read(family, name))))
    return {name: summarize(ast.get_docstring(_read(family, name))) for name in names(family)}


def summarize(text: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


def studies() -> list[str]:
    """The names of the studies."""
    return conf_names("study")


def question(study: str) -> str:
    """What a study asks, as its script begins; its name, where it has no script."""
    path = script(study)
    return summarize(ast.get_docstring(_parse(path))) or study


def script(study: str) -> Path | None:
    """The study's script, where it has one."""
    return find(f"studies/{study}.py")


def study_keys() -> list[str]:
    """What a study file may say: the fields of `fairray.config.Keys`."""
    classes = (node for node in _parse(PACKAGE / "config.py").body if isinstance(node, ast.ClassDef))
    keys = next(node for node in classes if node.name == "Keys")
    return [ast.unparse(node.target) for node in keys.body if isinstance(node, ast.AnnAssign)]


def scales() -> list[str]:
    """The names of the scales."""
    return conf_names("scale")


def conf_names(group: str) -> list[str]:
    """What has a file in a group of conf/."""
    return sorted({path.stem for root in ROOTS for path in (root / "conf" / group).glob("*.yaml")})


def conf_file(group: str, name: str) -> Path:
    """The file of a name in a group; a conf/ folder where the user stands comes first."""
    path = find(f"conf/{group}/{name}.yaml")
    if path is None:
        raise unknown(f"conf/{group}", group, name, conf_names(group))
    return path


def find(place: str) -> Path | None:
    """The first of `ROOTS` that has a file there; a name of the user's does not lead out of it."""
    if ".." in Path(place).parts:
        return None
    return next((root / place for root in ROOTS if (root / place).is_file()), None)


def _describe_functions(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each name of a module's ``__all__``, and what its function says."""
    said = {node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            yield from ((name, summarize(said.get(name))) for name in ast.literal_eval(node.value))


def _read(family: str, name: str) -> ast.Module:
    if name in built_in(family):
        return _parse(PACKAGE / family / f"{name}.py")
    return _parse(next(_locate(point.module) for point in installed(family) if point.name == name))


def _locate(module: str) -> Path | None:
    """The source file of a module, found without importing the packages that it lies in."""
    top, *below = module.split(".")
    spec = find_spec(top)
    for part in below:
        spec = spec and PathFinder.find_spec(part, spec.submodule_search_locations)
    origin = spec.origin if spec else None
    return Path(origin) if origin and origin.endswith(".py") else None


def _parse(path: Path | None) -> ast.Module:
    """The syntax tree of a file, which is empty without one."""
    return ast.parse(path.read_bytes() if path else "")
