"""The method that attacks: its records by hand, its stages and shards, its search spaces, its studies."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from silent import Silent

from fairray import config, members
from fairray.cli import main
from fairray.costs.ssim import Ssim
from fairray.data import Dataset
from fairray.defences import bit_depth, jpeg
from fairray.errors import BadInput
from fairray.launch import study as launch_study
from fairray.launch.doctor import checks
from fairray.launch.failures import Repeats
from fairray.launch.planning import plan
from fairray.launch.progress import Progress
from fairray.launch.queue import Queue
from fairray.launch.search import askers
from fairray.methods._attacked import Attacked, Victim
from fairray.networks._torchvision import imported
from fairray.space import Grid, Range, points
from fairray.store import Store
from fairray.training.objective import trained
from fairray.trial import execute, results, stages

PGD = {"name": "pgd_l2", "eps": 0.6, "N": 5}
DISTANCES = ["l1", "l2", "linf", "ssim"]
SMOKE = ["launch=local", "launch.threads=1", "seeds=1", "tasks.Toy.size=64", "tasks.Toy.side=16"]
ARMS = ("pgd_l2", "ours_a0")
ONE = ["methods=[pgd_l2]", "methods.pgd_l2.shards=3", *SMOKE]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Shared: what tests have in common is computed once."""
    return Store(str(tmp_path_factory.mktemp("attacks")))


@pytest.fixture
def attack(trial):
    """Makes a trial on images of 16 px that attacks a classifier which is right on most; keywords are the method's."""

    def make(dataset=None, seeds=(0,), **method):
        spec = {"name": "attack", "attack": PGD, "shards": 2, "distances": ("ssim",), **method}
        data = {"side": 16, "size": 64, **(dataset or {})}
        made = trial(spec, seeds=seeds, dataset=data, epochs=2, batch=16)
        return replace(made, network={"name": "small_cnn", "channels": 4})

    return make


@pytest.fixture
def run(store):
    """Computes a trial; gives its records."""

    def go(made):
        execute([made], store)
        return results(made, store)

    return go


def found(made, name):
    """The replicas of a trial's stages of that name."""
    return [replica for replica in stages(made.replicas).values() if replica.stage.name == name]


def uids(made, name):
    return {replica.uid for replica in found(made, name)}


def network_of(made, store, name="standard"):
    (replica,) = found(made, name)
    return trained(replica.stage, replica.setting, store.read(replica.uid)).main.requires_grad_(False)


def adversarial(made, store, split):
    """Places in the split and adversarial bytes, of all shards, by place."""
    kept = [store.read(replica.uid).tensors for replica in found(made, "attacked")]
    rows, images = (torch.cat([tensors[f"{split}/{key}"] for tensors in kept]) for key in ("row", "attacked"))
    order = rows.argsort()
    return rows[order], images[order]


def images_of(records, split="test", defence=None):
    """A row for each image and a column for each measure, of what was measured after a defence."""
    rows = records.query("stage == 'measured' and split == @split")
    rows = rows[rows["defence"].isna()] if defence is None else rows[rows["defence"] == defence]
    return rows.pivot(index="sample", columns="metric", values="value")


@pytest.mark.parametrize("split", ["val", "test"])
def test_records_are_those_of_the_stored_images_and_the_trained_network(attack, run, store, split):
    made = attack()
    table = images_of(run(made), split)
    data, network = made.replicas[0].setting.dataset.split(split), network_of(made, store)
    right = network(data["x"]).argmax(1) == data["y"]
    assert 0.7 < right.double().mean() < 1
    assert table["accuracy"].tolist() == right.double().tolist()
    rows, images = adversarial(made, store, split)
    assert rows.tolist() == right.nonzero().flatten().tolist()
    assert table["success"].dropna().index.tolist() == data["id"][rows].tolist()
    fooled = network(images).argmax(1) != data["y"][rows]
    assert 0 < fooled.double().mean() < 1
    assert table["success"].dropna().tolist() == fooled.double().tolist()
    clean, x = data["x"][rows].double() / 255, images.double() / 255
    apart = (x - clean).flatten(1)
    by_hand = {
        "l1": apart.abs().sum(1),
        "l2": apart.square().sum(1).sqrt(),
        "linf": apart.abs().max(1).values,
        "ssim": torch.cat([Ssim()(Ssim().prepare(a[None]), b[None]) for a, b in zip(clean, x)]),
    }
    for metric, values in by_hand.items():
        assert table[metric].dropna().tolist() == pytest.approx(values.tolist(), rel=1e-4)
    assert by_hand["l2"].max() < PGD["N"] * (PGD["eps"] + 0.05)  # bytes are rounded


def test_an_image_of_the_wrong_class_already_is_no_success(attack, run, store):
    made = attack()
    table = images_of(run(made))
    wrong = table[table["accuracy"] == 0]
    assert len(wrong)
    assert wrong[["success", *DISTANCES]].isna().all(axis=None)


def test_the_summary_has_the_means_over_images(attack, run):
    records = run(attack(jpeg=(30,)))
    summary, every = (records.query("stage == @stage") for stage in ("summary", "measured"))
    keys = ["metric", "split", "defence"]
    means = every.groupby(keys, dropna=False)["value"].mean()
    told = summary.set_index(keys)["value"]
    assert told.index.is_unique
    assert set(told.index) == set(means.index)
    assert told.tolist() == pytest.approx(means[told.index].tolist())
    assert {("success", "test", "jpeg 30"), ("accuracy", "val", "jpeg 30")} <= set(told.index)
    assert {"success", "accuracy", "vanished", *DISTANCES} == set(summary[summary["defence"].isna()]["metric"])


def test_a_shard_has_every_nth_image(attack, run, store):
    made = attack(shards=3)
    run(made)
    for replica in found(made, "attacked"):
        artifact, (first, step) = store.read(replica.uid), replica.stage.shard
        assert step == 3
        for split in ("val", "test"):
            ids = artifact.records.query("split == @split and metric == 'accuracy'")["sample"].tolist()
            assert ids == list(range(first, 32, 3))
            assert set(artifact.tensors[f"{split}/row"].tolist()) <= set(ids)


def test_the_number_of_shards_and_the_batch_change_no_record(attack, run):
    tables = [images_of(run(attack(**how))) for how in ({"shards": 1}, {"shards": 3}, {"shards": 3, "batch": 4})]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table[["accuracy", "success"]], tables[0][["accuracy", "success"]])
        pd.testing.assert_frame_equal(table, tables[0], atol=0.01, rtol=0.01)


def test_more_shards_than_images_are_no_harm(attack, run):
    more, few = (images_of(run(attack(shards=shards, gallery=2))) for shards in (40, 1))
    pd.testing.assert_frame_equal(more, few, atol=0.01, rtol=0.01)


def test_defended_images_are_read_after_the_defence(attack, run, store):
    made = attack(jpeg=(90, 5), depths=(1,))
    records, network = run(made), network_of(made, store)
    data, (rows, images) = made.replicas[0].setting.dataset.test, adversarial(made, store, "test")
    defences = {
        "jpeg 90": lambda x: jpeg(x, 90),
        "jpeg 5": lambda x: jpeg(x, 5),
        "depth 1": lambda x: bit_depth(x, 1),
    }
    assert set(records.query("stage == 'measured'")["defence"].dropna()) == set(defences)
    for defence, defended in defences.items():
        table = images_of(records, defence=defence)
        y, clean = data["y"][rows], data["x"][rows]
        assert table["success"].tolist() == (network(defended(images)).argmax(1) != y).double().tolist()
        assert table["accuracy"].tolist() == (network(defended(clean)).argmax(1) == y).double().tolist()
    assert images_of(records, defence="depth 1")["accuracy"].mean() < 1


def test_a_judge_is_a_second_network_that_reads_the_adversarial_images(attack, run, store):
    made = attack(judge={"name": "small_cnn", "channels": 3})
    table, judge = images_of(run(made)), network_of(made, store, "judge")
    data, (rows, images) = made.replicas[0].setting.dataset.test, adversarial(made, store, "test")
    assert judge.head.in_features == 6 * network_of(made, store).head.in_features // 8
    judged = (judge(images).argmax(1) == data["y"][rows]).double().tolist()
    assert table["judged"].dropna().tolist() == judged
    assert judged != (1 - table["success"].dropna()).tolist()
    assert "judged" not in images_of(run(attack()))


def test_saliency_maps_of_both_images_are_compared(attack, run, store):
    made = attack(saliency={"name": "spectral_residual"}, gallery=3)
    table, saliency = images_of(run(made)), members.build("saliency", {"name": "spectral_residual"})
    data, (rows, images) = made.replicas[0].setting.dataset.test, adversarial(made, store, "test")
    before, after = (saliency(x.float() / 255) for x in (data["x"][rows], images))
    apart = (after - before).flatten(1)
    by_hand = {
        "saliency_l1": apart.abs().sum(1),
        "saliency_l2": apart.square().sum(1).sqrt(),
        "saliency_linf": apart.abs().max(1).values,
        "saliency_ssim": Ssim()(Ssim().prepare(before[:, None]), after[:, None]),
    }
    for metric, values in by_hand.items():
        assert table[metric].dropna().tolist() == pytest.approx(values.tolist(), abs=1e-3)
        assert values.min() > 0
    pictures = store.read(made.replicas[0].uid).tensors
    shown = torch.searchsorted(rows, pictures["gallery/id"])
    for key, maps in (("saliency", before), ("saliency_attacked", after)):
        torch.testing.assert_close(pictures[f"gallery/{key}"] / 255, maps[shown], atol=0.003, rtol=0)


def test_the_gallery_has_attacked_images_from_first_to_last(attack, run, store):
    made = attack(gallery=3)
    run(made)
    data, (rows, images) = made.replicas[0].setting.dataset.test, adversarial(made, store, "test")
    pictures = store.read(made.replicas[0].uid).tensors
    shown = torch.tensor([0, (len(rows) - 1) // 2, len(rows) - 1])
    assert torch.equal(pictures["gallery/id"], data["id"][rows[shown]])
    assert torch.equal(pictures["gallery/label"], data["y"][rows[shown]])
    assert torch.equal(pictures["gallery/x"], data["x"][rows[shown]])
    assert torch.equal(pictures["gallery/attacked"], images[shown])
    assert torch.equal(pictures["gallery/predicted"], network_of(made, store)(images[shown]).argmax(1))
    assert set(pictures) == {f"gallery/{key}" for key in ("id", "label", "x", "attacked", "predicted")}


def test_the_classifier_is_trained_once_for_all_shards_and_attacks(attack):
    made = [attack(shards=3), attack(shards=1), attack(attack={**PGD, "eps": 0.3}), attack(attack={"name": "perc_al"})]
    assert len({uid for one in made for uid in uids(one, "standard")}) == 1


def test_what_is_measured_more_attacks_nothing_again(attack):
    plain = uids(attack(), "attacked")
    assert len(plain) == 2
    for more in (
        {"distances": ("ssim", "lpips")},
        {"jpeg": (50,), "depths": (3,)},
        {"saliency": {"name": "spectral_residual"}},
        {"judge": {"name": "small_cnn"}},
        {"gallery": 9},
    ):
        changed = attack(**more)
        assert uids(changed, "attacked") == plain
        assert changed.uid != attack().uid


def test_another_attack_attacks_again(attack):
    plain = uids(attack(), "attacked")
    for other in ({"attack": {**PGD, "eps": 0.3}}, {"attack": {**PGD, "N": 6}}, {"attack": {"name": "lpa"}}):
        assert not plain & uids(attack(**other), "attacked")


def test_a_cost_within_an_attack_is_in_the_address_too(attack):
    spec = {"name": "perceptual", "N": 2}
    costs = [{"name": "ssim"}, {"name": "ssim", "sigma": 2.0}, {"name": "lpips"}]
    made = [attack(attack={**spec, "cost": cost}) for cost in costs]
    assert len({uid for one in made for uid in uids(one, "attacked")}) == 6


@pytest.fixture
def grey(tmp_path):
    """The name of a data set: toy's, whose three channels are the first."""
    path = tmp_path / "grey_toy.py"
    path.write_text(
        "from dataclasses import dataclass, replace\n"
        "from fairray.datasets.toy import Toy\n"
        "__all__ = ['GreyToy']\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class GreyToy(Toy):\n"
        "    def load(self):\n"
        "        found = Toy.load(self)\n"
        "        parts = {s: found.split(s) for s in ('train', 'val', 'test')}\n"
        "        grey = {s: p | {'x': p['x'][:, :1].expand(-1, 3, -1, -1).contiguous()} for s, p in parts.items()}\n"
        "        return replace(found, **grey)\n"
    )
    return str(path)


def test_grey_images_are_attacked_as_one_channel(attack, run, store, grey):
    made = attack(dataset={"name": grey}, grey=True)
    table, network = images_of(run(made)), network_of(made, store)
    data, (rows, images) = made.replicas[0].setting.dataset.test, adversarial(made, store, "test")
    assert images.shape[1:] == (1, 16, 16)
    fooled = network(images.expand(-1, 3, -1, -1)).argmax(1) != data["y"][rows]
    assert table["success"].dropna().tolist() == fooled.double().tolist()
    apart = (images.double() - data["x"][rows][:, :1].double()).flatten(1) / 255
    assert table["l2"].dropna().tolist() == pytest.approx(apart.norm(dim=1).tolist(), rel=1e-4)
    made.check()


def check(dataset, **method):
    data = dataset if isinstance(dataset, Dataset) else members.build("datasets", {"name": "toy", **dataset}).load()
    members.build("methods", {"name": "attack", **method}).check(data)


def test_data_that_cannot_be_attacked_is_refused():
    check({"side": 16})
    with pytest.raises(BadInput, match=r"^grey: the images have colours") as error:
        check({"side": 16}, grey=True)
    assert error.value.cure == "set grey: false"
    with pytest.raises(BadInput, match="images with classes were expected"):
        check({})


@pytest.mark.parametrize(
    ("attack", "problem"),
    [
        ({"name": "ppgd", "cost": {"name": "ssim"}}, "Ssim has no embed"),
        ({"name": "lpa", "cost": {"name": "lpips"}}, "Lpips has no embed"),
        ({"name": "perceptual", "cost": None}, "attack.cost: got None"),
        ({"name": "ssim_one_step", "cost": {"name": "dists"}}, "Dists has no hessian"),
        ({"name": "ssim_one_step", "cost": {"name": "ssim", "grey": True}}, "changes of colour cost nothing"),
        ({"name": "ssim_one_step", "solver": "dense"}, "80 x 80 pixels is too large"),
    ],
)
def test_a_cost_that_an_attack_cannot_use_is_refused(attack, problem):
    with pytest.raises(BadInput, match=problem):
        check({"side": 80}, attack=attack)


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """ImageNet-Compatible with eight images, of which a network with random weights reads the first five, and it."""
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))
    folder, timm = tmp_path / "photos", imported("timm")
    (folder / "images").mkdir(parents=True)
    pixels = torch.randint(256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / "images" / f"i{i}.png")
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    network = {"name": "timm", "model": "test_resnet", "weights": str(tmp_path / "w.pth")}
    with torch.no_grad():
        labels = members.build("networks", network).build((3, 32, 32), 1000).eval()(pixels).argmax(1)
    labels[5:] = (labels[5:] + 1) % 1000
    rows = [f"i{i},{label + 1},1" for i, label in enumerate(labels.tolist())]
    (folder / "images.csv").write_text("\n".join(["ImageId,TrueLabel,TargetClass", *rows, ""]))
    data = {"name": "imagenet_compatible", "folder": str(folder), "size": (32, 32)}
    arguments = ["methods=[pgd_l2]", f"tasks={{Photos: {data | {'size': [32, 32]}}}}", *SMOKE[:3]]
    return data, network, [*arguments, "launch.tracking=none"]


def test_without_training_images_a_classifier_needs_its_own_weights(photographs):
    data = members.build("datasets", photographs[0]).load()
    check(data, pretrained=True)
    with pytest.raises(BadInput, match="it has no images to train the classifier on") as error:
        check(data)
    assert "pretrained: true" in error.value.cure
    with pytest.raises(BadInput, match=r"^judge: it has no images to train the judge on"):
        check(data, pretrained=True, judge={"name": "small_cnn"})


def test_a_pretrained_classifier_is_attacked_as_it_comes(photographs, tmp_path):
    """There are no images to train or to validate on, so there is no choice either."""
    _, network, arguments = photographs
    more = [f"network={network}", "methods.pgd_l2.pretrained=true", "methods.pgd_l2.attack.N=2"]
    assert main(["run", "attack_comparison", "--scale", "smoke", *arguments, *more, f"launch.output={tmp_path}"]) == 0
    folder = tmp_path / "reports" / "attack_comparison" / "smoke"
    images, means = pd.read_parquet(folder / "samples.parquet"), pd.read_csv(folder / "records.csv")
    assert set(images["stage"]) == {"attacked", "measured"}
    assert set(means["stage"]) == {"summary"}
    table = images_of(images)
    assert table["accuracy"].tolist() == [1.0] * 5 + [0.0] * 3
    assert table["success"].notna().tolist() == [True] * 5 + [False] * 3
    told = pd.read_csv(folder / "attacks.csv").set_index("metric")
    assert told.loc["l2", "mean"] == pytest.approx(table["l2"].mean())
    assert told.loc["success", "n"] == 5


def test_the_doctor_says_what_a_network_with_weights_reads_and_shows_the_images(photographs, tmp_path):
    data, network, arguments = photographs
    where = ["launch.tracking=none", f"launch.output={tmp_path}"]
    study = config.load(
        "attack_comparison",
        "smoke",
        [*arguments, *where, f"network={network}", "methods.*.pretrained=true", "tasks.Photos.corrupt=skip"],
    )
    (Path(data["folder"]) / "images" / "i7.png").write_bytes(b"no image")
    found = {name: (finding, cure) for name, finding, cure in checks(study)}
    assert found["model Photos"] == ("timm reads 5 of 7 test images right", None)
    page = Path(found["page"][0]).read_text()
    assert "timm reads 5 of 7 test images right" in page
    assert "i7.png: it is no whole image" in page
    assert "i7.png: it is no whole image" in found["data Photos"][0]
    assert page.count('aria-label="images of class"') == 1


def test_the_doctor_names_a_network_that_reads_no_more_than_chance(photographs, tmp_path):
    data, network, arguments = photographs
    table = Path(data["folder"]) / "images.csv"
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([head, *(",".join([row.split(",")[0], "1", "1"]) for row in rows)]))
    more = [f"network={network}", "methods.*.pretrained=true", "launch.tracking=none", f"launch.output={tmp_path}"]
    found = {
        name: (finding, cure)
        for name, finding, cure in checks(config.load("attack_comparison", "smoke", [*arguments, *more]))
    }
    assert "timm reads 0 of 8 test images right, no more than chance would" in found["model Photos"][0]
    assert "classes: FILE" in found["model Photos"][1]


def test_a_model_is_never_given_an_empty_batch(photographs, tmp_path, monkeypatch):
    """There are more shards than images, and no validation images at all."""
    own, sizes = Victim.model, []

    def counted(self, *rest):
        model = own(self, *rest)
        return lambda x: sizes.append(len(x)) or model(x)

    monkeypatch.setattr(Victim, "model", counted)
    _, network, arguments = photographs
    more = [f"network={network}", "methods.pgd_l2.pretrained=true", "methods.pgd_l2.shards=9", "launch.threads=1"]
    assert main(["run", "attack_comparison", "--scale", "smoke", *arguments, *more, f"launch.output={tmp_path}"]) == 0
    assert min(sizes) > 0


def test_where_the_model_reads_nothing_right_the_report_says_so(photographs, tmp_path, capsys):
    """A search has nothing to go by then, and ends all the same."""
    data, network, (_, *arguments) = photographs
    table = Path(data["folder"]) / "images.csv"
    head, *rows = (line.split(",") for line in table.read_text().splitlines())
    wrong = [[name, str(int(label) % 1000 + 1), target] for name, label, target in rows[:5]] + rows[5:]
    table.write_text("\n".join(",".join(row) for row in [head, *wrong]) + "\n")
    more = [f"network={network}", "methods.*.pretrained=true", "tasks.Photos.validation=0.5", "methods=[ours_optuna]"]
    assert main(["run", "attack_ablation", "--scale", "smoke", *arguments, *more, f"launch.output={tmp_path}"]) == 0
    page = (tmp_path / "reports" / "attack_ablation" / "smoke" / "report.html").read_text()
    assert "reads none of the test images right" in page
    assert "| Photos | ours_optuna | 0 of 4 | 0.00 [0.00, 48.99] |" in capsys.readouterr().out


def test_a_search_needs_images_to_validate_on(photographs, tmp_path):
    _, network, arguments = photographs
    more = [f"network={network}", "methods.pgd_l2.pretrained=true", "methods.pgd_l2.attack.eps={grid: [0.1, 1.0]}"]
    config.load("attack_comparison", "smoke", [*arguments, *more, "tasks.Photos.validation=0.5"]).check()
    with pytest.raises(BadInput, match="Photos has no validation data, on which points are chosen") as error:
        config.load("attack_comparison", "smoke", [*arguments, *more]).check()
    assert error.value.where == "search of pgd_l2"


def test_pretrained_needs_a_network_with_weights(photographs):
    _, network, arguments = photographs
    more = [f"network={network}", "network.weights=null", "methods.pgd_l2.pretrained=true"]
    study = config.load("attack_comparison", "smoke", [*arguments, *more])
    with pytest.raises(BadInput, match=r"\(methods.pgd_l2.pretrained\) on .*: timm comes without weights") as error:
        study.check()
    assert "weights: FILE" in error.value.cure


def computed(store):
    specs = [store.spec(path.parent.name) for path in Path(store.root).glob("??/*/spec.json")]
    return Counter(spec["key"]["stage"].rsplit(".", 1)[-1] for spec in specs)


@pytest.fixture
def study(tmp_path):
    def make(*overrides):
        return config.load("attack_comparison", "smoke", [*ONE, f"launch.output={tmp_path}", *overrides])

    return make


def breaking(monkeypatch, *broken):
    compute = Attacked.compute

    def breaks(self, *rest):
        if self.shard[0] in broken:
            raise RuntimeError("this worker was killed")
        return compute(self, *rest)

    monkeypatch.setattr(Attacked, "compute", breaks)


@pytest.mark.parametrize("broken", [(1,), (0, 2)])
def test_a_killed_shard_is_redone_alone(study, monkeypatch, broken):
    chosen = study()
    store = Store(chosen.launch.store_root)
    with monkeypatch.context() as patch:
        breaking(patch, *broken)
        outcome = launch_study.run(chosen, Silent())
    assert [trial.arm for trial, _ in outcome.failures] == ["pgd_l2"]
    assert "this worker was killed" in outcome.failures[0][1]
    kept = 3 - len(broken)
    assert computed(store) == {"Standard": 1, "Evaluation": 1, "Attacked": kept, "Measured": kept}
    (arm,) = chosen.arms()
    assert not arm.corner.stored(store)
    measured = {r.stage.attacked.shard[0]: store.has(r.uid) for r in found(arm.corner, "measured")}
    assert measured == {i: i not in broken for i in range(3)}
    before = computed(store)
    again = launch_study.run(chosen, Silent())
    assert (again.computed, again.failures) == (1, [])
    assert computed(store) - before == {"Attacked": len(broken), "Measured": len(broken), "Summary": 1}
    assert launch_study.run(chosen, Silent()).computed == 0
    assert computed(store) == {"Standard": 1, "Attacked": 3, "Measured": 3, "Summary": 1, "Evaluation": 1}


@pytest.mark.parametrize("broken", [(), (1,), (0, 2), (0, 1, 2)])
def test_a_trial_without_some_shard_counts_as_not_computed(study, monkeypatch, broken):
    breaking(monkeypatch, *broken)
    outcome = launch_study.run(study(), Silent())
    assert (outcome.trials, outcome.computed) == (1, int(not broken))


def test_shards_are_jobs_of_their_own(study):
    chosen = study("methods.pgd_l2.attack.eps={grid: [0.1, 0.2]}")
    store, jobs = Store(chosen.launch.store_root), []
    queue = Queue(askers(chosen), store, lambda: 2, 25, Progress(lambda ended: [""] * len(ended)), Repeats(1))
    while job := queue.take():
        jobs.append(job.stages)
        execute(job.trials, store, only=job.uids)
        queue.end(job)
    assert queue.over
    assert jobs[0] == ["standard", "evaluation"]
    assert sum(stages[:2] == ["attacked", "measured"] for stages in jobs) > 2
    assert computed(store) == {"Standard": 1, "Attacked": 6, "Measured": 6, "Summary": 2, "Evaluation": 1}


def test_plan_knows_the_shards(study):
    planned = plan(study())
    assert (planned.trials, planned.stages) == (1, 9)


def test_a_hyperparameter_of_the_attack_can_be_searched(study):
    chosen = study("methods.pgd_l2.attack.eps={grid: [0.3, 1.0]}", "methods.pgd_l2.attack.N={grid: [2, 3]}")
    (arm,) = chosen.arms()
    assert arm.space == {"method.attack.eps": Grid(grid=(0.3, 1.0)), "method.attack.N": Grid(grid=(2, 3))}
    asked = points(arm.space)
    assert asked[1] == {"method.attack.eps": 0.3, "method.attack.N": 3}
    made = [arm.at(point) for point in asked]
    assert [(one.method.attack.eps, one.method.attack.N) for one in made] == [
        (0.3, 2), (0.3, 3), (1.0, 2), (1.0, 3)
    ]  # fmt: skip
    assert len({one.uid for one in made}) == 4


def test_a_cost_two_members_deep_can_be_searched(study):
    cost = "{name: perceptual, cost: {name: ssim, sigma: {grid: [1.0, 2.0]}}}"
    (arm,) = study(f"methods.pgd_l2.attack={cost}").arms()
    assert list(arm.space) == ["method.attack.cost.sigma"]
    built = [arm.at(point).method.attack.cost for point in points(arm.space)]
    assert [(type(cost), cost.sigma) for cost in built] == [(Ssim, 1.0), (Ssim, 2.0)]


def test_points_of_a_nested_search_are_in_the_records(study, tmp_path):
    chosen = study("methods.pgd_l2.attack.eps={grid: [0.3, 1.0]}", "methods.pgd_l2.shards=1")
    store = Store(chosen.launch.store_root)
    assert launch_study.run(chosen, Silent()).computed == 2
    (arm,) = chosen.arms()
    tables = [results(arm.at(point), store) for point in points(arm.space)]
    assert [table["method.attack.eps"].unique().tolist() for table in tables] == [[0.3], [1.0]]
    assert tables[0].query("stage == 'measured' and metric == 'l2'")["value"].mean() < 1.5


def test_an_interval_of_an_attack_is_searched_by_optuna(study):
    interval = "methods.pgd_l2.attack.eps={low: 0.1, high: 1.0, log: true}"
    (arm,) = study(interval, "search=tpe", "search.points=2").arms()
    assert arm.space == {"method.attack.eps": Range(low=0.1, high=1.0, log=True)}
    with pytest.raises(BadInput, match="a grid search needs a grid") as error:
        study(interval)
    assert "attack.eps" in error.value.where
    assert "search=tpe" in error.value.cure


@pytest.mark.parametrize(
    ("override", "key", "says"),
    [
        ("attack.eps=-1", "attack.eps", "got -1, expected .*greater than 0"),
        ("attack.eps={grid: [0.1, 0]}", "attack.eps", "got 0, expected .*greater than 0"),
        ("attack.eps={low: 0, high: 1}", "attack.eps", "got 0, expected .*greater than 0"),
        ("attack.eps={grid: []}", "attack.eps", "the grid is empty"),
        ("attack.eps={gird: [1]}", "attack.eps", "there is no key of a search space 'gird'"),
        ("attack={name: pgd_l2, epsilon: 1}", "attack.epsilon", "there is no key 'epsilon'"),
        ("attack={name: pdg_l2}", "attack.name", "there is no attack 'pdg_l2'"),
        ("attack={eps: 1}", "attack", "it has no name"),
        ("attack=3", "attack", "got 3"),
        ("attack={name: perceptual, cost: {name: ssim, sigm: 2}}", "attack.cost.sigm", "there is no key 'sigm'"),
        ("attack={name: perceptual, cost: lpisp}", "attack.cost", "there is no cost 'lpisp'"),
        ("jpeg=[96]", "jpeg", "got 96, expected .*less than or equal to 95"),
        ("depths=[0]", "depths", "got 0, expected .*greater than or equal to 1"),
        ("judge=small_cn", "judge", "there is no network 'small_cn'"),
    ],
)
def test_what_is_wrong_in_an_attack_is_named(study, override, key, says):
    with pytest.raises(BadInput, match=says) as error:
        study(f"methods.pgd_l2.{override}")
    assert f"(methods.pgd_l2.{key})" in error.value.where


def test_a_misspelt_distance_is_refused_before_anything_runs(study):
    with pytest.raises(BadInput, match="there is no cost 'sism'") as error:
        study("methods.pgd_l2.distances=[sism]").check()
    assert "did you mean 'ssim'" in error.value.cure


@pytest.mark.parametrize("scale", ["smoke", "small"])
def test_the_study_of_digits_attacks_with_one_step_of_one_length(scale):
    chosen = config.load("attack_ssim_mnist", scale)
    arms = {arm.name: arm for arm in chosen.arms()}
    one = {name: arms[f"{name}_one_step"].corner.method for name in ("ssim", "pgd")}
    assert one["ssim"].attack.eps == one["pgd"].attack.eps == 10.0
    assert (one["pgd"].attack.N, one["pgd"].attack.bits) == (1, None)
    assert one["ssim"].grey
    assert one["ssim"].judge == one["pgd"].judge
    sweeps = [arms[f"{name}_sweep"].space["method.attack.eps"] for name in one]
    assert sweeps[0] == sweeps[1]


def test_attacks_are_compared_from_the_command_line(tmp_path):
    arguments = [f"methods=[{', '.join(ARMS)}]", *SMOKE, f"launch.output={tmp_path}"]
    assert main(["run", "attack_comparison", "--scale", "smoke", *arguments]) == 0
    folder = tmp_path / "reports" / "attack_comparison" / "smoke"
    records = pd.read_parquet(folder / "samples.parquet").query("stage == 'measured' and split == 'test'")
    means = records.groupby(["arm", "metric"])["value"].mean()
    table = pd.read_csv(folder / "attacks.csv").set_index(["method", "metric"])["mean"]
    assert set(table.index) == {(arm, metric) for arm in ARMS for metric in ("accuracy", "success", *DISTANCES[:3])}
    for arm, metric in table.index:
        assert table[arm, metric] == pytest.approx(means[arm, metric] * (1 if metric in DISTANCES else 100))
    assert set(pd.read_csv(folder / "saliency.csv")["method"]) == set(ARMS)
    page = (folder / "report.html").read_text()
    assert all(f"{table[arm, 'l2']:.2f}" in page for arm in ARMS)
    assert (folder / "gallery_1.png").stat().st_size > 10_000
