"""One self-contained page, and the files it is made of."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from fairray.errors import BadInput
from fairray.files import write_whole
from fairray.members import checked
from fairray.report import Section
from fairray.report._appendix import Data, Runs
from fairray.report._blocks import Frame
from fairray.report._opening import Opening, describe_missing
from fairray.report._tables import lead_to_trials
from fairray.report.timeline import Timeline
from fairray.results import Results
from fairray.secrecy import hide
from fairray.words import write_count

__all__ = ["Report", "fill_template", "write"]


class Report(NamedTuple):
    """What was written. files: the page first. failures: for each section that raised, its title and what it said."""

    files: list[Path]
    failures: list[str]


@dataclass
class Chapter:
    """What has become of a section. error: its traceback, and failure: what it said, if it raised."""

    title: str
    html: list[Markup] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    error: str = ""
    failure: str = ""


def write(
    results: Results, sections: Sequence[Section], folder: Path, more: Mapping[str, bytes] | None = None
) -> Report:
    """report.html, which opens offline, then the sections' own files, the records, and more files by name.

    A section that raises is shown with its traceback, and costs nothing else. Records are in records.csv; of single
    samples, of which there are many more, in samples.parquet.
    """
    opening = _make_chapter(Opening(tuple(sections)), results)
    chapters = [_make_chapter(section, results) for section in (*sections, Timeline(), Data(), Runs())]
    files = {"report.html": b"", **results.files, **(more or {})}
    for chapter in chapters:
        chapter.files = _rename(chapter.files, files)
        files |= chapter.files
    files["report.html"] = _render(results, opening, chapters).encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    return Report([folder / name for name in files], [each.failure for each in (opening, *chapters) if each.failure])


def _make_chapter(section: Section, results: Results) -> Chapter:
    """A section's blocks, up to where it raises."""
    chapter = Chapter(type(section).__name__)
    try:
        section = checked(type(section), section)
        chapter.title = section.title
        for block in section(results):
            block = lead_to_trials(block, results) if isinstance(block, Frame) else block
            files = _rename(block.files, chapter.files)
            chapter.html.append(block.html)
            chapter.files |= files
    except Exception as error:
        chapter.error = hide(traceback.format_exc())
        chapter.failure = hide(" ".join(f"{chapter.title}: {type(error).__name__}: {error}".split()))
    return chapter


def _rename(files: Mapping[str, bytes], taken: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, all with the first number at which none has a name that is taken; 1 is not written.

    Raises BadInput for a name that is a path.
    """
    if paths := [name for name in files if Path(name).name != name]:
        raise BadInput(paths[0], "it would be written elsewhere than the page", "give a name without /")
    numbered = ({_number(name, number): content for name, content in files.items()} for number in count(1))
    return next(one for one in numbered if not one.keys() & taken.keys())


def _number(name: str, number: int) -> str:
    path = Path(name)
    return name if number == 1 else f"{path.stem}_{number}{path.suffix}"


def _render(results: Results, opening: Chapter, chapters: Sequence[Chapter]) -> str:
    seeds, missing = write_count(results.study.seeds, "seed"), describe_missing(results)
    said = {"study": results.study, "seeds": seeds, "missing": missing}
    return fill_template("page.html", **said, opening=opening, chapters=chapters)


def fill_template(name: str, **values: Any) -> str:
    """A page of its template, which may include files beside it."""
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    return templates.get_template(name).render(**values)
