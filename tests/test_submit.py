"""Studies as Ray jobs: what is checked before, what is uploaded, and what is run."""

import json

from ray.runtime_env.runtime_env import _merge_runtime_env

from fairray.launch import connect
from fairray.study import Launch


def test_what_the_job_sets_is_left_to_it(monkeypatch):
    """Ray refuses a driver that sets a variable which its job sets, too."""
    job = {"working_dir": "gcs://x.zip", "env_vars": {"OMP_NUM_THREADS": "2", "MINE": "1"}}
    asked = {}
    monkeypatch.setattr(connect.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connect.ray, "init", lambda **given: asked.update(given))
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": job, "metadata": {}}))
    connect.connect(Launch())
    merged = _merge_runtime_env(job, asked["runtime_env"])
    assert merged["env_vars"] == {**connect.QUIET, **job["env_vars"]}
