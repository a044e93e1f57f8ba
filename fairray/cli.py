"""The command line: list, plan, run, submit, status, logs, retry, mirror, report, audit, export, bundle, judge, verify,
gc, compare, doctor.

It parses and prints; what it needs is imported late.
"""

import argparse
import inspect
import json
import os
import re
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import argcomplete

from fairray import catalogue
from fairray.errors import BadInput, Fatal, unknown
from fairray.launch.failures import COUNTED
from fairray.secrecy import hide
from fairray.words import write_bytes, write_count

if TYPE_CHECKING:
    from fairray.contrast import Found
    from fairray.launch.failures import Kind
    from fairray.launch.needs import Needs
    from fairray.launch.study import Outcome
    from fairray.results import Results
    from fairray.study import Study
    from fairray.trial import Trial

__all__ = ["main", "run_script"]

LISTED = ("studies", *catalogue.FAMILIES)
FORMS = ("parquet", "arrays", "tensorboard", "wandb")  # of launch/export.py, which takes seconds to import


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    0: done; 1: something failed; 2: the input cannot be used, and nothing was started; 130: interrupted; 141: nobody
    reads any more what it prints (fairray list | head -1); 143: told to end (SIGTERM), as schedulers do.
    """
    try:
        try:
            with _terminable() as told:
                code = _run_command(arguments)
            return 143 if told and code == 130 else code
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still flushes at its end
        return 141


def run_script(file: str) -> None:
    """What a study's script does: ``python studies/NAME.py ...`` is ``fairray run NAME ...``."""
    sys.exit(main(["run", Path(file).stem, *sys.argv[1:]]))


def _run_command(arguments: Sequence[str] | None) -> int:
    options = _parse(arguments)
    try:
        return options.command(options)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, Fatal) else 2
    except KeyboardInterrupt:
        print("\nstopped; what was finished is stored, and running again goes on from there", file=sys.stderr)
        return 130


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What is asked for. An exit of 2 where it cannot be read."""
    parser = _parser()
    _Finder()(parser)
    options, rest = parser.parse_known_args(arguments)  # key=value may stand before and after --scale
    if wrong := [text for text in rest if text.startswith("-") or not hasattr(options, "overrides")]:
        parser.error(f"unrecognized arguments: {' '.join(wrong)}")
    if rest:
        options.overrides += rest
    return options


@contextmanager
def _terminable() -> Iterator[list[int]]:
    """SIGTERM is meanwhile what Ctrl-C is, and is noted; only a program's first thread can see to that."""
    told: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield told
        return

    def end(number: int, frame: object) -> None:
        if not told:  # once is enough: what follows is for ending in order
            told.append(number)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fairray", description="A distributed hyperparameter-study system for fairness"
    )
    parser.add_argument("--version", action="version", version=f"fairray {version('fairray')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_listing(commands)
    _add_verbs(commands)
    _add_sharing(commands)
    _add_judging(commands)
    _add_comparing(commands)
    return parser


def _add_listing(commands: Any) -> None:
    listing = commands.add_parser("list", help="what there is")
    listing.add_argument("family", nargs="?", choices=LISTED)
    member = listing.add_argument(
        "name", nargs="?", help="of one of them, whose fields, ranges and defaults are printed"
    )
    _complete(member, lambda options: catalogue.describe(options.family) if options.family else {})
    listing.set_defaults(command=_list)


def _add_verbs(commands: Any) -> None:
    """What is done with one study."""
    for verb, command, text in (
        ("plan", _plan, "what would run, what is stored, what is shared"),
        ("run", _run, "compute what is not stored, and write the report"),
        ("submit", _submit, "run it as a job of a Ray cluster, and follow it"),
        ("status", _status, "how much of the study is stored or running, and what has failed"),
        ("logs", _logs, "why stages failed: of a study, or of the uid of one"),
        ("retry", _retry, "compute only the trials that failed, and write the report"),
        ("mirror", _mirror, "show in MLflow what is stored; nothing is computed"),
        ("report", _report, "write the report of what is stored"),
        (
            "audit",
            _audit,
            "compute finished stages of a study, or of a bundle, again, and compare every digit",
        ),
        ("doctor", _doctor, "check this machine, and a study's input"),
    ):
        sub = commands.add_parser(verb, help=text)
        _add_study(sub, required=verb != "doctor")
        if verb == "plan":
            sub.add_argument("--json", action="store_true", help="for programs")
        if verb == "status":
            sub.add_argument("--follow", action="store_true", help="a line every so often, until all of it is stored")
        if verb == "logs":
            sub.add_argument("--store", default="runs/store", help="of a uid: a folder or a URL (default: runs/store)")
        if verb == "retry":
            sub.add_argument("--kind", action="append", choices=COUNTED, help="of failure; several may be given")
        if verb == "audit":
            sub.add_argument("--n", type=int, default=5, help="how many stages, drawn at random (default: 5)")
            sub.add_argument("--draw", type=int, default=0, metavar="SEED", help="of the draw (default: 0)")
            sub.add_argument("--trust", action="store_true", help="run the Python files that a bundle has of its own")
        if verb in ("run", "submit"):
            said = "begin nothing more beyond so many trials, hours, or hours of GPUs: 20trials, 1.5h, 4gpu-h"
            sub.add_argument("--budget", metavar="AMOUNT", help=f"{said} (or launch.budget)")
        if verb == "submit":
            sub.add_argument("--address", metavar="URL", help="of the cluster's dashboard (default: this machine's)")
        sub.set_defaults(command=command)


def _add_sharing(commands: Any) -> None:
    """What is done with what a study found."""
    exporting = commands.add_parser("export", help="its records and scores, for other tools")
    _add_study(exporting, required=True)
    exporting.add_argument("--to", required=True, choices=FORMS, help="in which form")
    exporting.add_argument("--into", type=Path, metavar="FOLDER", help="(default: one beside the report)")
    exporting.set_defaults(command=_export)
    bundling = commands.add_parser("bundle", help="all of it in one archive, which audit takes on another machine")
    _add_study(bundling, required=True)
    bundling.add_argument("--into", type=Path, metavar="FILE", help="(default: NAME.zip beside the report)")
    said = "the stages' tensors, or a file, are left out where they are more (default: 100)"
    bundling.add_argument("--limit", type=float, metavar="MB", help=said)
    bundling.set_defaults(command=_bundle)


def _add_judging(commands: Any) -> None:
    """What is done with scores that were made elsewhere."""
    judging = commands.add_parser("judge", help="scores, or runs of DomainBed or SubpopBench, and write their report")
    said = "a table with a row for each example, with y, group and score; or a folder with a sweep's runs"
    judging.add_argument("file", type=Path, help=said)
    said = "what columns are called (default: y, group, score, split, seed, method)"
    judging.add_argument("overrides", nargs="*", metavar="role=COLUMN", help=said)
    judging.add_argument("--logits", action="store_true", help="scores are logits, and not probabilities")
    judging.add_argument("--regression", action="store_true", help="y is a number, and scores are predictions of it")
    judging.add_argument("--positive", metavar="VALUE", help="of y (default: the last in order)")
    judging.add_argument("--threshold", type=float, metavar="SCORE", help="above it is positive (default: .5, or 0)")
    judging.add_argument("--baseline", metavar="METHOD", help="that others are compared with (default: the first)")
    said = "of a sweep's runs, on validation data: training_domains, leave_one_out; worst_group, worst_class, accuracy"
    judging.add_argument("--selection", metavar="RULE", help=said)
    judging.add_argument("--output", metavar="FOLDER", default="runs", help="of reports and results (default: runs)")
    judging.set_defaults(command=_judge)


def _add_comparing(commands: Any) -> None:
    """What is done with two studies, or with none."""
    comparing = commands.add_parser("compare", help="what two studies declare otherwise, and find beyond noise")
    for name in ("first", "second"):
        said = 'in quotes what follows run, "NAME --scale SCALE key=value", or the folder of a report'
        comparing.add_argument(name, help=said)
    comparing.set_defaults(command=_compare)
    verifying = commands.add_parser("verify", help="whether all that is stored is what was written")
    verifying.add_argument("store", nargs="?", default="runs/store", help="a folder or a URL (default: runs/store)")
    verifying.add_argument("--remove", action="store_true", help="what is damaged, so that it is computed again")
    verifying.set_defaults(command=_verify)

    sparing = commands.add_parser("gc", help="what of a store no named study needs; with --remove it goes")
    sparing.add_argument("store", nargs="?", default="runs/store", help="a folder or a URL (default: runs/store)")
    said = 'a study whose results stay, in quotes as it was run: "NAME --scale SCALE key=value"; several times'
    sparing.add_argument("--keep", action="append", required=True, metavar="STUDY", help=said)
    sparing.add_argument("--most", type=float, metavar="GIB", help="only until the store is no larger")
    sparing.add_argument("--remove", action="store_true", help="what is listed; it is computed again when asked for")
    sparing.set_defaults(command=_gc)


def _add_study(parser: argparse.ArgumentParser, required: bool) -> None:
    """The arguments that say which study, and how it is changed."""
    study = parser.add_argument("study", nargs=None if required else "?")
    keys = parser.add_argument("overrides", nargs="*", metavar="key=value", help="such as seeds=8 or training.epochs=3")
    scale = parser.add_argument("--scale", help=f"{', '.join(catalogue.scales())} (default: small)")
    _complete(study, lambda options: catalogue.describe("studies"))
    _complete(keys, lambda options: [f"{key}=" for key in catalogue.study_keys()])
    _complete(scale, lambda options: catalogue.scales())


class _Finder(argcomplete.CompletionFinder):
    """Completes key=value behind an option as well, where argparse takes no more of them, but `_parse` does."""

    def collect_completions(self, active_parsers, parsed_args, cword_prefix):
        parser = active_parsers[-1]
        if not parser.active_actions:  # neither an option waits for its value, nor an argument before these
            parser.active_actions = [action for action in parser._actions if action.dest == "overrides"]
        return super().collect_completions(active_parsers, parsed_args, cword_prefix)


def _complete(action: argparse.Action, words: Callable[[argparse.Namespace], Iterable[str]]) -> None:
    """Let the shell complete an argument by words, given the arguments before it."""
    action.completer = lambda parsed_args, **_: words(parsed_args)  # type: ignore[attr-defined]


def _list(options: argparse.Namespace) -> int:
    if options.name:
        return _list_one(options.family, options.name)
    for family in [options.family] if options.family else LISTED:
        lines = catalogue.describe(family)
        print(f"{family}:")
        for name, text in lines.items():
            print(f"  {name:<{max(map(len, lines)) + 2}}{text}")
    return 0


def _list_one(family: str, name: str) -> int:
    """A study's question, a metric's definition, or what can be set of another member."""
    if family in ("studies", "metrics"):
        known = catalogue.describe(family)
        if name not in known:
            raise unknown("fairray list", family.removesuffix("s"), name, known)
        print(known[name])
        return 0
    from fairray import members
    from fairray.listing import describe_fields

    member = members.load(family, name)
    print(f"{catalogue.summarize(members.module(family, name).__doc__)}\n\n{inspect.getdoc(member)}\n")
    print(*describe_fields(member), sep="\n")
    return 0


def _plan(options: argparse.Namespace) -> int:
    from fairray.foresight import describe_foresight, foresee
    from fairray.launch.planning import open_pilot, plan

    needs = _foresee_needs(options)
    if needs and needs.blocked:
        print(json.dumps({"needs": asdict(needs)}, indent=1) if options.json else needs)
        return 0
    study = _load(options)
    planned, foreseen = plan(study, why=True), [*foresee(study, open_pilot(study))]
    if options.json:
        said = {"foreseen": [one._asdict() for one in foreseen], **({"needs": asdict(needs)} if needs else {})}
        print(json.dumps({**asdict(planned), **said}, indent=1))
        return 0
    print(planned, *describe_foresight(foreseen), *([needs] if needs else []), sep="\n")
    return 0


def _foresee_needs(options: argparse.Namespace) -> "Needs | None":
    """At the papers' scale, which most machines cannot run and have no data for, what that takes."""
    if options.scale != "paper":
        return None
    from fairray.launch.needs import foresee_needs

    return foresee_needs(options.study, options.scale, options.overrides)


def _status(options: argparse.Namespace) -> int:
    from fairray.launch.planning import plan, watch

    study = _load(options)
    if options.follow:
        for planned in watch(study):
            trials = f"{planned.trials_stored} of {write_count(planned.trials, 'trial')}"
            stages = f"{planned.stages_stored / planned.stages:.0%} of {planned.stages} stages stored"
            running = sum(arm.running for arm in planned.arms)
            print(f"{time.strftime('%H:%M:%S')} {trials}, {stages}, {running} running", flush=True)
        return 0
    arms = plan(study).arms
    for arm in arms:
        said = [f"{arm.stored / arm.stages:>4.0%} of {arm.stages} stages stored"]
        said += [f"{arm.running} running"] if arm.running else []
        said += [f"{count} failed ({kind})" for kind, count in arm.failed.items()]
        print(f"  {arm.task:<12} {arm.method:<16} {', '.join(said)}")
    if any(arm.failed for arm in arms):
        print("`fairray logs` says why; `fairray retry` tries that again")
    return 0


def _logs(options: argparse.Namespace) -> int:
    """What stages that are not stored said when they failed last: each text once, after those that said it."""
    from fairray.launch.planning import list_failures
    from fairray.launch.progress import label
    from fairray.store import Store

    said: dict[str, dict[str, None]] = {}
    if re.fullmatch("[0-9a-f]{20}", options.study):
        store = Store(options.store)
        if (failure := store.failures().get(options.study)) is None:
            cure = "`fairray logs STUDY` lists the stages that failed; --store is where they would be stored"
            raise BadInput(f"stage {options.study}", f"{store.url} knows of no failure of it", cure)
        since = ", and is stored since" if store.has(options.study) else ""
        said[failure["text"]] = {f"failed ({failure['kind']}){since}": None}
    else:
        for trial, one, why in list_failures(_load(options)):
            name = f"failed ({why.kind}) {label([trial])}, {one.stage.name} of seed {one.seed}: {one.uid}"
            said.setdefault(why, {})[name] = None
    for text, names in said.items():
        print(*names, text.strip(), "", sep="\n")
    if not said:
        print("nothing of it has failed, or all of that is stored now")
    return 0


def _mirror(options: argparse.Namespace) -> int:
    from fairray.launch.study import mirror_study

    study = _load(options)
    outcome = mirror_study(study)
    failed = f", {len(outcome.failures)} failed" if outcome.failures else ""
    print(f"{write_count(outcome.trials, 'trial')} shown{failed}: {_say_runs(study)}")
    return 0


def _say_runs(study: "Study") -> str:
    """Where the runs are seen, or how."""
    uri = study.launch.tracking_uri or ""
    return hide(uri if uri.startswith("http") else f"mlflow ui --backend-store-uri {uri}")


def _retry(options: argparse.Namespace) -> int:
    return _run(options, options.kind or COUNTED)


def _run(options: argparse.Namespace, again: "Collection[Kind] | None" = None) -> int:
    """again: of the trials only those that failed, in these ways."""
    from fairray.launch.study import run_study

    study = _load(options)
    outcome = run_study(study, again=again)
    took = f" ({outcome.spent})" if outcome.spent else ""
    print(f"{write_count(outcome.computed, 'trial')} computed, {outcome.seconds:.0f} s{took}", file=sys.stderr)
    code = _show_outcome(outcome)
    if outcome.files and study.launch.tracking_uri:
        print(f"runs: {_say_runs(study)}")
    return code


def _judge(options: argparse.Namespace) -> int:
    from fairray.launch.study import run_study
    from fairray.report import inspection, review

    if options.file.is_dir():
        return _show_outcome(run_study(_ask_of_benchmark(options), sections=review()))
    study = _ask_of_scores(options)
    return _show_outcome(run_study(study, sections=inspection(study)))


def _ask_of_benchmark(options: argparse.Namespace) -> "Study":
    from fairray import benchmarks

    given = {"role=COLUMN": options.overrides, "--positive": options.positive, "--threshold": options.threshold}
    for said, value in {**given, "--logits": options.logits, "--regression": options.regression}.items():
        if value not in ([], None, False):
            raise BadInput(f"argument {said}", "it is for scores, and a folder of runs has none", "leave it out")
    name = options.file.resolve().name
    return benchmarks.ask(options.file, options.output, name, options.baseline, options.selection)


def _ask_of_scores(options: argparse.Namespace) -> "Study":
    from fairray import given

    if options.selection is not None:
        raise BadInput("argument --selection", "of scores nothing is chosen", "leave it out")
    if wrong := [text for text in options.overrides if "=" not in text]:
        raise BadInput(f"argument {wrong[0]}", "it names no column", "give role=COLUMN, such as y=hired")
    columns = dict(text.split("=", 1) for text in options.overrides)
    said = {key: getattr(options, key) for key in ("baseline", "positive", "threshold", "logits", "regression")}
    return given.ask(options.file, columns, options.output, options.file.stem, **said)


def _submit(options: argparse.Namespace) -> int:
    from fairray.launch.submit import submit

    catalogue.conf_file("study", options.study)  # a job finds it by its name, where it has the folder
    return submit(_load(options), options.overrides, options.address)


def _report(options: argparse.Namespace) -> int:
    results, files, broken = _write_report(_load(options))
    _show_report(files, broken, results.doubted)
    return 1 if broken else 0


def _bundle(options: argparse.Namespace) -> int:
    from fairray.bundle import pack

    results, files, broken = _write_report(_load(options))
    print(pack(results, files, options.into, options.limit))
    for failure in broken:
        print(f"a section failed: {failure}", file=sys.stderr)
    return 1 if broken else 0


def _export(options: argparse.Namespace) -> int:
    from fairray.launch.export import export

    study = _load(options)
    study.check()
    results = _open(study)
    for place in export(results, options.to, options.into):
        print(place, flush=True)
    _show_doubts(results.doubted)
    return 0


def _write_report(study: "Study") -> "tuple[Results, list[Path], list[str]]":
    """What is stored of a study, and its page: the files, and which sections failed."""
    from fairray.report import load_sections, write_report

    study.check()
    sections = load_sections(study)
    results = _open(study)
    return results, *write_report(results, sections)


def _open(study: "Study") -> "Results":
    from fairray.launch.planning import open_results

    results = open_results(study)
    if results is None:
        raise BadInput(f"study {study.name}", "nothing of it is stored yet", f"fairray run {study.name}")
    return results


def _compare(options: argparse.Namespace) -> int:
    from fairray.contrast import describe_contrasts

    print(*describe_contrasts(_find(options.first), _find(options.second)), sep="\n")
    return 0


def _find(text: str) -> "Found":
    """What a report says, by its folder, or what is stored of a study, by one text of what follows ``fairray run``."""
    from fairray.contrast import Found
    from fairray.launch.planning import open_results

    if Path(text).is_dir():
        return Found.read(Path(text))
    study = _load_text(text)
    study.check()
    if (results := open_results(study)) is None:
        raise BadInput(f"study {text}", "nothing of it is stored yet", f"fairray run {text}")
    return Found.of(results)


def _load_text(text: str) -> "Study":
    """The study of one text, as it follows ``fairray run``."""
    parser = argparse.ArgumentParser(prog="fairray", add_help=False)
    _add_study(parser, required=True)
    options, rest = parser.parse_known_args(shlex.split(text))
    options.overrides += rest
    return _load(options)


def _gc(options: argparse.Namespace) -> int:
    from fairray.launch.sparing import find_spare, let_go, limit
    from fairray.store import Store

    store = Store(options.store)
    spare = [*find_spare(store, [_load_text(text) for text in options.keep])]
    entries = store.entries()
    size = sum(store.measure(uid)[0] for uid in entries) + sum(store.checkpoints().values())
    if options.most is not None:
        spare = limit(spare, size, options.most * 2**30)
    told = {"results": "of no study that is named", "tensors": "of points that were not chosen"}
    told["checkpoints"] = "of stages that no named study needs any more"
    for what, said in told.items():
        sizes = [each.size for each in spare if each.what == what]
        print(f"{what} {said}: {len(sizes)}, {write_bytes(sum(sizes))}")
    total = sum(each.size for each in spare)
    print(f"{write_count(len(entries), 'result')}, {write_bytes(size)}; {write_bytes(total)} of it", end=" ")
    if options.remove:
        let_go(spare, store)
    print("removed" if options.remove else "can go (--remove)")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from fairray.store import Store

    store, damaged = Store(options.store), 0
    entries = store.entries()
    if not entries:
        raise BadInput(store.url, "there is no result in it", "give the folder or the URL of a store")
    for error in store.find_damaged(entries):
        print(f"damaged: {error}" if not options.remove else f"removed: {error.where}: {error.problem}")
        if options.remove:
            store.remove(error.uid)
        damaged += 1
    print(f"{write_count(len(entries), 'result')}, {damaged} damaged")
    return 1 if damaged and not options.remove else 0


def _show_outcome(outcome: "Outcome") -> int:
    """Print what a run left, and whether all of it is whole."""
    from fairray.launch.progress import label

    for trial, error in outcome.failures:
        print(f"failed: {label([trial])}\n{error}", file=sys.stderr)
    _show_report(outcome.files, outcome.broken, outcome.doubted)
    return 1 if outcome.failures or outcome.broken else 0


def _show_report(files: Sequence[Path], broken: Sequence[str], doubted: "Sequence[tuple[Trial, str]]") -> None:
    """Print a report's tables, where its page is, which of its sections failed, and which trials are no results."""
    if tables := [file for file in files if file.suffix == ".md"]:
        from fairray.report import read_markdown

        print(*(read_markdown(table.read_text()) for table in tables), sep="\n")
    if files:
        print(f"report: {files[0]}")
    _show_doubts(doubted)
    for failure in broken:
        print(f"a section failed: {failure}", file=sys.stderr)


def _show_doubts(doubted: "Iterable[tuple[Trial, str]]") -> None:
    from fairray.launch.progress import label

    for trial, doubt in doubted:
        print(f"no result: {label([trial])}: {doubt}", file=sys.stderr)


def _audit(options: argparse.Namespace) -> int:
    if options.study.endswith(".zip"):
        return _audit_bundle(options)
    return _audit_study(_load(options), options)


def _audit_bundle(options: argparse.Namespace) -> int:
    """Whether an archive and its report are what they were, and what its stages come to here."""
    from fairray.bundle import unpack
    from fairray.launch.planning import open_results

    with unpack(Path(options.study), options.trust) as bundle:
        print(f"{options.study}: sha256 of its bundle.json: {bundle.name}")
        study, wrong = bundle.load(options.overrides), bundle.altered
        try:
            results = open_results(study)  # nothing is found where code or data are others here, which the audit says
            wrong += [] if results is None else bundle.compare(results)
        except BadInput as error:
            wrong.append(f"{error.where}: {error.problem}")
        for text in wrong:
            print(f"DIFFERS  {text}")
        code = _audit_study(study, options, has_tensors=bundle.has_tensors, sources=bundle.sources)
    return 1 if wrong else code


def _audit_study(study: "Study", options: argparse.Namespace, **how: Any) -> int:
    from fairray.audit import audit
    from fairray.launch.planning import list_asked
    from fairray.store import Store

    study.check()
    store = Store(study.launch.store_root)
    equal = []
    for finding in audit(list_asked(study, store), store, options.n, options.draw, **how):
        print(finding, flush=True)
        equal.append(not finding.differs)
    print(f"{sum(equal)} of {write_count(len(equal), 'stage')} equal")
    return 0 if all(equal) else 1


def _doctor(options: argparse.Namespace) -> int:
    from fairray.launch.doctor import checks

    study = _load(options) if options.study else None
    failed = 0
    for name, finding, cure in checks(study):
        print(f"  {'ok  ' if cure is None else 'FAIL'} {name}: {finding}")
        if cure is not None:
            print(f"       cure: {cure}")
            failed += 1
    return 1 if failed else 0


def _load(options: argparse.Namespace) -> "Study":
    from fairray import config

    if budget := getattr(options, "budget", None):
        options.overrides.append(f"launch.budget={budget}")
    return config.load(options.study, options.scale, options.overrides)


if __name__ == "__main__":
    sys.exit(main())
