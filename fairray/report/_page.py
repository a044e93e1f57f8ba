"""One self-contained page, and the files it is made of."""

import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

import jinja2
import pandas as pd
from markupsafe import Markup

from fairray.card import MOST_CELLS, count_cells, describe_sizes
from fairray.data import Dataset
from fairray.errors import BadInput
from fairray.members import checked, plain
from fairray.provenance import provenance
from fairray.report import Section
from fairray.results import Results
from fairray.study import Study
from fairray.trial import stages
from fairray.words import write_count

__all__ = ["Report", "write"]


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


def write(results: Results, sections: Sequence[Section], folder: Path) -> Report:
    """report.html, which opens offline, then the sections' own files, and the records.

    A section that raises is shown with its traceback, and costs nothing else. Records are in records.csv; of single
    samples, of which there are many more, in samples.parquet.
    """
    chapters = [_make_chapter(section, results) for section in sections]
    files = {"report.html": _render(results, chapters).encode(), **_make_record_files(results.records)}
    for chapter in chapters:
        files |= _rename(chapter.files, files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Report([folder / name for name in files], [chapter.failure for chapter in chapters if chapter.failure])


def _make_chapter(section: Section, results: Results) -> Chapter:
    """A section's blocks, up to where it raises."""
    chapter = Chapter(type(section).__name__)
    try:
        section = checked(type(section), section)
        chapter.title = section.title
        for block in section(results):
            files = _rename(block.files, chapter.files)
            chapter.html.append(block.html)
            chapter.files |= files
    except Exception as error:
        chapter.error = traceback.format_exc()
        chapter.failure = " ".join(f"{chapter.title}: {type(error).__name__}: {error}".split())
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


def _render(results: Results, chapters: Sequence[Chapter]) -> str:
    template = jinja2.Template(Path(__file__).with_name("page.html").read_text(), autoescape=True)
    return template.render(
        study=results.study,
        seeds=write_count(results.study.seeds, "seed"),
        sections=chapters,
        data=[_describe_data(task, data) for task, data in results.study.datasets().items()],
        settings=json.dumps(_list_settings(results.study), indent=1),
        ran=_sum_cost(results) | provenance(),
        runs=list(_list_runs(results)),
    )


def _describe_data(task: str, data: Dataset) -> dict[str, object]:
    """What the page says of a task's data."""
    cells = count_cells(data)
    few = cells if len(cells) <= MOST_CELLS else cells.iloc[:0]
    rows = few.reset_index().astype(str).to_numpy().tolist()
    return {
        "task": task,
        "says": f"{data.task}: {describe_sizes(data)}",
        "notes": data.notes,
        "names": [*cells.index.names, *cells.columns],
        "rows": rows,
    }


def _list_settings(study: Study) -> dict[str, object]:
    return {
        "network": study.network.plain,
        "networks": {label: network.plain for label, network in study.networks.items()},
        "training": study.training.plain,
        "numerics": asdict(study.numerics),
        "tasks": {label: plain(dataset) for label, dataset in study.tasks.items()},
        "methods": {label: method.plain for label, method in study.methods.items()},
        "seeds": study.seeds,
    }


def _make_record_files(records: pd.DataFrame) -> dict[str, bytes]:
    """The files that hold the records."""
    single = records["sample"].notna()
    whole = records[~single].drop(columns="sample").to_csv(index=False)
    samples = {"samples.parquet": records[single].to_parquet(index=False)} if single.any() else {}
    return {"records.csv": whole.encode(), **samples}


def _sum_cost(results: Results) -> dict[str, str]:
    seconds = [float(str(made["seconds"])) for made in results.made.values()]
    hosts = sorted(
        {f"{made['cores']} cores" + (f", {made['gpu']}" if made["gpu"] else "") for made in results.made.values()}
    )
    dates = sorted(str(made["at"]) for made in results.made.values())
    return {
        "stages": str(len(seconds)),
        "compute": f"{sum(seconds) / 60:.1f} minutes, summed over workers",
        "on": "; ".join(hosts),
        "computed": f"{dates[0]} to {dates[-1]}" if dates else "nothing",
    }


def _list_runs(results: Results) -> Iterator[dict[str, str]]:
    for trial in results.trials:
        point = " ".join(f"{key}={value}" for key, value in trial.point.items())
        yield {"trial": f"{trial.task} {trial.arm} {point}", "uids": " ".join(stages(trial.replicas))}
