"""The command line: list, plan, run, status, report, doctor."""

import argparse
import inspect
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fairray import config, evaluation, members
from fairray.errors import BadInput, unknown
from fairray.listing import describe_fields
from fairray.results import Results
from fairray.store import Store
from fairray.study import Study
from fairray.trial import stages

__all__ = ["main", "run_script"]

LISTED = ("studies", *members.FAMILIES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: something failed; 2: the input cannot be used, and nothing was started."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)  # key=value may stand before and after --scale
    if wrong := [text for text in rest if text.startswith("-") or not hasattr(options, "overrides")]:
        parser.error(f"unrecognized arguments: {' '.join(wrong)}")
    if rest:
        options.overrides += rest
    try:
        return options.command(options)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; what was finished is stored, and running again goes on from there", file=sys.stderr)
        return 130


def run_script(file: str) -> None:
    """What a study's script does: ``python studies/NAME.py ...`` is ``fairray run NAME ...``."""
    sys.exit(main(["run", Path(file).stem, *sys.argv[1:]]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fairray", description="A distributed hyperparameter-study system for fairness"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="what there is")
    listing.add_argument("family", nargs="?", choices=LISTED)
    listing.add_argument("name", nargs="?", help="of one of them, whose fields, ranges and defaults are printed")
    listing.set_defaults(command=_list)
    for name, command, text in (
        ("plan", _plan, "what would run, what is stored, what is shared"),
        ("run", _run, "compute what is not stored, and write the report"),
        ("status", _status, "how much of the study is stored or running"),
        ("report", _report, "write the report of what is stored"),
        ("doctor", _doctor, "check this machine, and a study's input"),
    ):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("study", nargs="?" if name == "doctor" else None)
        sub.add_argument("overrides", nargs="*", metavar="key=value", help="such as seeds=8 or training.epochs=3")
        sub.add_argument("--scale", default="small", help=f"{', '.join(config.scales())} (default: small)")
        if name == "plan":
            sub.add_argument("--json", action="store_true", help="for programs")
        sub.set_defaults(command=command)
    return parser


def _list(options: argparse.Namespace) -> int:
    if options.name:
        return _list_one(options.family, options.name)
    for family in [options.family] if options.family else LISTED:
        lines = _listed(family)
        print(f"{family}:")
        for name, text in lines.items():
            print(f"  {name:<{max(map(len, lines)) + 2}}{text}")
    return 0


def _listed(family: str) -> dict[str, str]:
    if family == "studies":
        return config.studies()
    if family == "metrics":  # several in a file
        return {name: _summary(function.__doc__) for name, function in evaluation.metrics().items()}
    return {name: _summary(members.module(family, name).__doc__) for name in members.names(family)}


def _list_one(family: str, name: str) -> int:
    """A study's question, a metric's definition, or what can be set of another member."""
    if family in ("studies", "metrics"):
        known = _listed(family)
        if name not in known:
            raise unknown("fairray list", family.removesuffix("s"), name, known)
        print(known[name])
        return 0
    member = members.load(family, name)
    print(f"{_summary(members.module(family, name).__doc__)}\n\n{inspect.getdoc(member)}\n")
    print(*describe_fields(member), sep="\n")
    return 0


def _plan(options: argparse.Namespace) -> int:
    from fairray.launch.planning import plan

    planned = plan(_study(options))
    if options.json:
        print(json.dumps(asdict(planned), indent=1))
        return 0
    print(f"{planned.trials} trials, {planned.trials_stored} stored, {planned.trials - planned.trials_stored} to run")
    print(f"{planned.stages} stages, {planned.stages_stored} stored; {planned.shared} are shared by several trials")
    for arm in planned.arms:
        print(f"  {arm.task:<12} {arm.method:<16} {arm.points:>3} points {arm.runs:>4} runs "
              f"{arm.stages - arm.stored:>4} of {arm.stages} stages to compute")  # fmt: skip
    return 0


def _status(options: argparse.Namespace) -> int:
    from fairray.launch.planning import plan

    for arm in plan(_study(options)).arms:
        share = arm.stored / arm.stages
        running = f", {arm.running} running" if arm.running else ""
        print(f"  {arm.task:<12} {arm.method:<16} {share:>4.0%} of {arm.stages} stages stored{running}")
    return 0


def _run(options: argparse.Namespace) -> int:
    study = _study(options)
    study.check()
    for task, reason in study.left_out.items():
        print(f"left out: {task} ({reason})", file=sys.stderr)
    from fairray.launch.progress import label
    from fairray.launch.study import run
    from fairray.launch.tracking import Mirror

    mirror = Mirror(study, study.launch.tracking_uri)
    outcome = run(study, mirror)
    print(f"{outcome.computed} trials computed, {outcome.seconds:.0f} s", file=sys.stderr)
    for pack, error in outcome.failures:
        print(f"failed: {', '.join(label([trial]) for trial in pack)}\n{error}", file=sys.stderr)
    results, failed = _results(study), bool(outcome.failures)
    if results is not None:
        files, failures = _write(results)
        failed |= bool(failures)
        mirror.finish(results.summary, files)
        uri = study.launch.tracking_uri
        print(f"runs: {uri if uri.startswith('http') else f'mlflow ui --backend-store-uri {uri}'}")
    return 1 if failed else 0


def _report(options: argparse.Namespace) -> int:
    study = _study(options)
    study.check()
    results = _results(study)
    if results is None:
        raise BadInput(f"study {study.name}", "nothing of it is stored yet", f"fairray run {study.name}")
    _, failures = _write(results)
    return 1 if failures else 0


def _doctor(options: argparse.Namespace) -> int:
    from fairray.launch.doctor import checks

    study = _study(options) if options.study else None
    failed = 0
    for name, finding, cure in checks(study):
        print(f"  {'ok  ' if cure is None else 'FAIL'} {name}: {finding}")
        if cure is not None:
            print(f"       cure: {cure}")
            failed += 1
    return 1 if failed else 0


def _study(options: argparse.Namespace) -> Study:
    return config.load(options.study, options.scale, options.overrides)


def _results(study: Study) -> Results | None:
    """What is stored of a study; none where nothing is."""
    from fairray.launch.planning import stored_records

    records, trials = stored_records(study)
    if not trials:
        return None
    store = Store(study.launch.store_root)
    uids = stages(replica for trial in trials for replica in trial.replicas)
    return Results(study, records, trials, {uid: store.spec(uid)["made"] for uid in uids}, store.read)


def _write(results: Results) -> tuple[list[Path], list[str]]:
    """The report's files, the page first, and what its sections that failed say."""
    from fairray import report

    files, failures = report.write_report(results)
    for table in (file for file in files if file.suffix == ".md"):
        print(table.read_text())
    print(f"report: {files[0]}")
    for failure in failures:
        print(f"a section failed: {failure}", file=sys.stderr)
    return files, failures


def _summary(text: str | None) -> str:
    """The first paragraph of a docstring."""
    return " ".join((text or "").strip().split("\n\n")[0].split())


if __name__ == "__main__":
    sys.exit(main())
