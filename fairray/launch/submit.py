"""A study as a Ray job: checked here, computed there, its report brought back."""

import asyncio
import json
import logging
import os
import re
import shlex
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import ClientError
from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient
from ray.util.state import list_nodes

from fairray.errors import BadInput
from fairray.launch.connect import ANSWER_S, list_data
from fairray.launch.planning import open_results
from fairray.launch.preflight import Node, Upload, check_fits, check_launch, measure_upload
from fairray.launch.resources import Chosen
from fairray.provenance import provenance
from fairray.secrecy import has_password
from fairray.study import Study

__all__ = ["list_places", "make_command", "submit"]

ADDRESS = "http://127.0.0.1:8265"
TOKEN = (
    "set RAY_AUTH_MODE=token here, and the cluster's token in RAY_AUTH_TOKEN, in the file RAY_AUTH_TOKEN_PATH or in "
    "~/.ray/auth_token (`ray get-auth-token --generate` makes one; every node of the cluster needs the same)"
)


def submit(study: Study, arguments: Sequence[str], address: str | None) -> int:
    """Check a study, run it as a job of the cluster at an address, follow it, and return its exit code.

    arguments: the key=value that the study was made with. Raises BadInput before anything is sent. Interrupted, it
    leaves the job running, says how to come back to it, and returns 130.
    """
    if shown := [argument.partition("=")[0] for argument in arguments if has_password(argument)]:
        cure = "let the job find it: ~/.mlflow/credentials, or MLFLOW_TRACKING_USERNAME and _PASSWORD, on the head"
        raise BadInput(f"argument {shown[0]}", "whoever sees the cluster's jobs would read its password", cure)
    for handler in logging.getLogger("ray").handlers:
        handler.setLevel(logging.ERROR)  # it tells of every file that it obeys
    client = _reach(address)
    nodes = _list_nodes(client)
    check_launch(study.launch, nodes)
    upload = measure_upload(Path.cwd())
    print(f"upload: {upload}", file=sys.stderr)
    upload.check()
    if _check_study(study, upload):
        check_fits(Chosen(study).every(), nodes)
    before = _stamp(study)
    job = client.submit_job(
        entrypoint=shlex.join(make_command(study, arguments, list_places(study, upload))),
        runtime_env={"working_dir": str(upload.folder)},
        metadata={"study": study.name, "scale": study.scale, "commit": provenance()["git_sha"]},
    )
    print(f"job {job} at {client.get_address()}", file=sys.stderr, flush=True)
    code = _follow(client, job)
    if code == 0:
        print(_fetch(study, before))
    return code


def make_command(study: Study, arguments: Sequence[str], places: Mapping[str, Path]) -> list[str]:
    """What the job runs. places: of files and folders, by keys; they take the place of arguments."""
    kept = [argument for argument in arguments if argument.partition("=")[0] not in places]
    given = [f"{key}={_quote(str(path))}" for key, path in places.items()]
    return ["python", "-m", "fairray", "run", study.name, "--scale", study.scale, *kept, *given]


def list_places(study: Study, upload: Upload) -> dict[str, Path]:
    """Where the job finds data and leaves results, by keys: by the whole path, but for data that it takes along.

    Where one stands there is a folder of the job's own, which Ray deletes.
    """
    taken = {key: path.relative_to(upload.folder) for key, path in list_data(study) if upload.holds(path)}
    places = {**dict(list_data(study)), **taken}
    if "://" not in study.launch.store_root:
        places["launch.output"] = study.launch.folder
        if study.launch.store:
            places["launch.store"] = Path(study.launch.store).resolve()
    return places


def _quote(path: str) -> str:
    """A path that yaml reads as a text."""
    return path if re.fullmatch(r"[\w.-]*/[\w./-]*", path) else json.dumps(path)


def _check_study(study: Study, upload: Upload) -> bool:
    """Check a study, if all of its data are made or taken along; else the job does so, before it computes."""
    from fairray.report import load_sections

    load_sections(study)
    elsewhere = {key: path for key, path in list_data(study) if not upload.holds(path)}
    for key, path in elsewhere.items():
        print(f"{key}: {path} is not uploaded; every node must have it there", file=sys.stderr)
    if not elsewhere:
        study.check()
    return not elsewhere


def _reach(address: str | None) -> JobSubmissionClient:
    """A client of the jobs at an address, else at RAY_API_SERVER_ADDRESS, else of a cluster of this machine."""
    url = address or os.environ.get("RAY_API_SERVER_ADDRESS") or ADDRESS
    url = url if "://" in url else f"http://{url}"
    os.environ["RAY_API_SERVER_ADDRESS"] = url  # Ray's clients take it from here before any argument
    where, parts = f"cluster at {url}", urlsplit(url)
    cure = "start it (`ray start --head`), open the way to it (`ray dashboard cluster.yaml`), or mend --address"
    try:
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or "", port), timeout=ANSWER_S).close()
        return JobSubmissionClient(url)
    except AuthenticationError as error:
        raise BadInput(where, str(error).splitlines()[0], TOKEN) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise BadInput(where, f"no Ray cluster answers: {error}", cure) from error


def _list_nodes(client: JobSubmissionClient) -> list[Node]:
    alive = list_nodes(client.get_address(), filters=[("state", "=", "ALIVE")], limit=10_000)
    return [Node(node.resources_total, "ray.io/node-group" in node.labels) for node in alive]


def _follow(client: JobSubmissionClient, job: str) -> int:
    """Print what the job prints until it ends; its exit code."""
    back = f"ray job logs --follow --address {client.get_address()} {job}"
    try:
        asyncio.run(_print_log(client, job))
        while not (info := client.get_job_info(job)).status.is_terminal():
            time.sleep(0.2)
    except KeyboardInterrupt:
        stop = f"ray job stop --address {client.get_address()} {job}"
        print(f"\nthe job goes on\n  to follow it: {back}\n  to stop it: {stop}", file=sys.stderr)
        return 130
    except (ClientError, OSError, RuntimeError) as error:
        print(f"the cluster was lost ({error}); the job may go on\n  to follow it: {back}\n"
              "  if it is gone, submit it again: what is stored is not computed again", file=sys.stderr)  # fmt: skip
        return 1
    print(f"job {job}: {info.status}", file=sys.stderr)
    return 0 if info.status is JobStatus.SUCCEEDED else max(info.driver_exit_code or 1, 1)


async def _print_log(client: JobSubmissionClient, job: str) -> None:
    async for lines in client.tail_job_logs(job):
        print(lines, end="", flush=True)


def _fetch(study: Study, before: float | None) -> str:
    """Where the report is: on a disk that is seen here, made here of a bucket's results, or on the cluster."""
    from fairray.report import load_sections, write_report

    if _stamp(study) != before:
        return f"report: {_page(study)}"
    if "://" not in study.launch.store_root:
        return f"the report is on the cluster: {_page(study)}"
    try:
        results = open_results(study)
    except BadInput as error:  # such as data that only the cluster has
        return f"the results are in {study.launch.store}, and cannot be shown here: {error}"
    if results is None:
        return f"nothing is stored in {study.launch.store}"
    return f"report: {write_report(results, load_sections(study))[0][0]}"


def _page(study: Study) -> Path:
    return study.folder / "report.html"


def _stamp(study: Study) -> float | None:
    """When the report that is seen here was written."""
    return _page(study).stat().st_mtime if _page(study).exists() else None
