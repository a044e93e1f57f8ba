"""cluster.yaml and deploy/ by the schemas of those that read them; nothing here needs a cloud."""

import copy
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import hash_runtime_conf, prepare_config, validate_config

ROOT = Path(__file__).parents[1]
CLUSTER, JOB = (ROOT / "cluster.yaml").read_text(), (ROOT / "deploy/rayjob.yaml").read_text()
VERSION = re.search(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)[1]


def prepared(config):
    """A cluster as `ray up` completes and checks it before it asks the cloud."""
    complete = prepare_config(copy.deepcopy(config))
    validate_config(complete)
    return complete


def test_ray_takes_the_cluster():
    cluster = prepared(yaml.safe_load(CLUSTER))
    types = cluster["available_node_types"]
    assert types[cluster["head_node_type"]]["resources"] == {"CPU": 0}
    assert types["head"]["max_workers"] == 0
    assert {name for name, of in types.items() if of["resources"].get("GPU")} == {"gpu"}
    spot = {name for name, of in types.items() if "InstanceMarketOptions" in of["node_config"]}
    assert spot == {"cpu", "gpu"}
    for commands in (cluster["head_setup_commands"], cluster["worker_setup_commands"]):
        assert any("--constraint constraints.txt" in one for one in commands)
    assert any("--autoscaling-config=~/ray_bootstrap_config.yaml" in one for one in cluster["head_start_ray_commands"])


@pytest.mark.parametrize("change", [{"max_worker": 3}, {"head_node_type": "none"}, {"max_workers": 0}])
def test_ray_refuses_what_is_no_cluster(change):
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        prepared({**yaml.safe_load(CLUSTER), **change})


def test_every_node_has_the_token(tmp_path, monkeypatch):
    """The file that `ray up` sends is the one that Ray reads there; `ray up` hashes it, and ends if it is not there."""
    cluster = prepared(yaml.safe_load(CLUSTER))
    assert "--env RAY_AUTH_MODE=token" in cluster["docker"]["run_options"]
    mounts = {"/home/ray/.ray/auth_token": str(tmp_path / "token")}
    assert cluster["file_mounts"].keys() >= mounts.keys()
    with pytest.raises(FileNotFoundError):
        hash_runtime_conf(mounts, [], cluster)
    (tmp_path / "token").write_text("secret")
    assert hash_runtime_conf(mounts, [], cluster)


# of what deploy/rayjob.yaml uses. Source: ray-operator/apis/ray/v1/{rayjob,raycluster}_types.go and the CRD API
# reference of KubeRay 1.6; of pods, the Kubernetes API.
TEXT, NUMBER, YES = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}


def of(required="", **properties):
    return {
        "type": "object", "properties": properties, "required": required.split(), "additionalProperties": False
    }  # fmt: skip


def many(items):
    return {"type": "array", "items": items, "minItems": 1}


QUANTITY = {"type": "object", "additionalProperties": {"type": "string", "pattern": r"^\d+(\.\d+)?(m|Ki|Mi|Gi)?$"}}
CONTAINER = of(
    "name image",
    name=TEXT,
    image=TEXT,
    ports=many(of("containerPort", name=TEXT, containerPort=NUMBER)),
    resources=of(requests=QUANTITY, limits=QUANTITY),
    volumeMounts=many(of("name mountPath", name=TEXT, mountPath=TEXT)),
)
POD = of(
    "containers",
    containers=many(CONTAINER),
    tolerations=many(of(key=TEXT, operator={"enum": ["Exists", "Equal"]}, effect={"enum": ["NoSchedule"]})),
    volumes=many(of("name", name=TEXT, persistentVolumeClaim=of("claimName", claimName=TEXT))),
)
START = {"type": "object", "additionalProperties": TEXT}
WORKERS = of(
    "groupName rayStartParams template",
    groupName=TEXT,
    replicas=NUMBER,
    minReplicas=NUMBER,
    maxReplicas=NUMBER,
    rayStartParams=START,
    template=of("spec", spec=POD),
)
RAY_CLUSTER = of(
    "headGroupSpec",
    rayVersion=TEXT,
    authOptions=of(mode={"enum": ["disabled", "token"]}),
    enableInTreeAutoscaling=YES,
    autoscalerOptions=of(idleTimeoutSeconds=NUMBER),
    headGroupSpec=of("rayStartParams template", rayStartParams=START, template=of("spec", spec=POD)),
    workerGroupSpecs=many(WORKERS),
)
RAY_JOB = of(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=of(name=TEXT, generateName=TEXT),
    spec=of(
        entrypoint=TEXT,
        submissionMode={"enum": ["K8sJobMode", "HTTPMode", "SidecarMode", "InteractiveMode"]},
        backoffLimit=NUMBER,
        shutdownAfterJobFinishes=YES,
        ttlSecondsAfterFinished=NUMBER,
        rayClusterSpec=RAY_CLUSTER,
    ),
)


def test_the_job_of_kuberay():
    job = yaml.safe_load(JOB)
    jsonschema.validate(job, RAY_JOB)
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"]["mode"] == "token"
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    limits = [group["template"]["spec"]["containers"][0]["resources"]["limits"] for group in groups]
    assert [one.get("nvidia.com/gpu") for one in limits] == [None, None, "1"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**job, "spec": {**job["spec"], "backoffLimits": 3}}, RAY_JOB)


def test_all_volumes_are_mounted_where_the_results_go():
    job = yaml.safe_load(JOB)
    cluster = job["spec"]["rayClusterSpec"]
    output = re.search(r"launch.output=(\S+)", job["spec"]["entrypoint"])[1]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        (mount,) = pod["containers"][0]["volumeMounts"]
        assert output.startswith(mount["mountPath"])
        assert [volume["name"] for volume in pod["volumes"]] == [mount["name"]]


def test_ray_is_the_same_everywhere():
    assert yaml.safe_load(JOB)["spec"]["rayClusterSpec"]["rayVersion"] == VERSION
    image = f"rayproject/ray:{VERSION}-py311-gpu"
    assert yaml.safe_load(CLUSTER)["docker"]["image"] == image
    assert f"FROM {image}\n" in (ROOT / "deploy/Dockerfile").read_text()


@pytest.mark.parametrize("text", [CLUSTER, JOB])
def test_what_is_to_be_replaced_is_said(text):
    """What a value has in capitals stands in the comment at the top."""
    comment = " ".join(line for line in text.splitlines() if line.startswith("#"))
    values = [line.partition("#")[0] for line in text.splitlines()]
    capitals = {name for line in values for name in re.findall(r"(?<![\w$])[A-Z]+(?:_[A-Z]+)*(?![\w])", line)}
    replaced = capitals - {"CPU", "GPU", "RAY_AUTH_MODE", "RAY_HEAD_IP"}
    assert replaced
    assert all(name in comment for name in replaced)
