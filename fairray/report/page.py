"""One self-contained page, and the files it is made of."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import jinja2
import pandas as pd

from fairray.members import plain
from fairray.provenance import provenance
from fairray.report.section import Section
from fairray.results import Results
from fairray.trial import stages

__all__ = ["write"]


def write(results: Results, sections: Sequence[Section], folder: Path) -> list[Path]:
    """report.html, which opens offline, then the sections' own files, and the records.

    Records are in records.csv; of single samples, of which there are many more, in samples.parquet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    template = jinja2.Template(Path(__file__).with_name("page.html").read_text(), autoescape=True)
    study = results.study
    page = template.render(
        study=study,
        sections=sections,
        settings=json.dumps(
            {
                "network": study.network.plain,
                "networks": {label: network.plain for label, network in study.networks.items()},
                "training": study.training.plain,
                "numerics": asdict(study.numerics),
                "tasks": {label: plain(dataset) for label, dataset in study.tasks.items()},
                "methods": {label: method.plain for label, method in study.methods.items()},
                "seeds": study.seeds,
            },
            indent=1,
        ),
        provenance=provenance(),
        cost=_cost(results),
        runs=_runs(results),
    )
    files = {"report.html": page.encode(), **{k: v for s in sections for k, v in s.files.items()}}
    files |= _tables(results.records)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _tables(records: pd.DataFrame) -> dict[str, bytes]:
    """The files that hold the records."""
    if "sample" not in records:
        return {"records.csv": records.to_csv(index=False).encode()}
    single = records["sample"].notna()
    whole = records[~single].drop(columns="sample").to_csv(index=False)
    return {"records.csv": whole.encode(), "samples.parquet": records[single].to_parquet(index=False)}


def _cost(results: Results) -> dict[str, str]:
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


def _runs(results: Results) -> list[dict[str, str]]:
    return [
        {
            "trial": f"{trial.task} {trial.arm} {' '.join(f'{k}={v}' for k, v in trial.point.items())}",
            "uids": " ".join(stages(trial.ends)),
        }
        for trial in results.trials
    ]
