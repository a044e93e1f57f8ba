"""Joining the Ray cluster that a study runs on."""

import json
import logging
import os

import ray

from fairray.study import Launch

__all__ = ["connect"]

QUIET = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONWARNINGS": "ignore",
    # Tune runs each trial in a new thread, and what glibc keeps for the threads that have ended would fill the memory
    "MALLOC_ARENA_MAX": "1",
}


def connect(launch: Launch) -> None:
    """Join the cluster of `launch.address`, else the one whose job this is; else start one here."""
    if ray.is_initialized():
        return
    address = launch.address or os.environ.get("RAY_ADDRESS") or "local"
    ray.init(
        address=address,
        include_dashboard=False if address == "local" else None,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": {name: value for name, value in QUIET.items() if name not in _given_by_job()}},
    )


def _given_by_job() -> dict[str, str]:
    """The environment variables of the Ray job that this is; Ray refuses one that the driver gives as well."""
    job = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    return (job.get("runtime_env") or {}).get("env_vars") or {}
