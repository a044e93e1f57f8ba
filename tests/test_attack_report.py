"""What the report says and draws of attacked images, against numbers that were worked out by hand."""

from dataclasses import replace
from types import SimpleNamespace

import fabricate
import numpy as np
import pandas as pd
import pytest
import torch
from blocks import answer_of, figures_of, files_of, table_of, text_of
from scipy import stats

from fairray import members, report
from fairray.methods.attack import Attack
from fairray.records import DETAILS
from fairray.report import gallery
from fairray.report._exhibit import Exhibit
from fairray.report._words import name_metric, name_with_unit, write_value
from fairray.stages import Artifact

FOOLED = "#b3261e"


def attack(arm, success, views=None, seeds=(0, 1), accuracy=None, **metrics):
    """An attack's trial and records. success, metrics: a value per image; seeds lie 0.1 % around a metric's value.

    views: by defence, the success and the accuracy per image. accuracy: of each image before (default: 1).
    """
    made = SimpleNamespace(task="t", arm=arm, uid=arm, point={}, method=Attack(), seeds=seeds)
    made.key, made.replicas = ("t", arm, arm), [SimpleNamespace(uid=arm)]
    kept = {"task": "t", "arm": arm, "trial": arm, "uid": arm, **dict.fromkeys({*DETAILS} - {"defence", "sample"})}
    apart = {seed: 1 + 0.001 * place - 0.0005 * (len(seeds) - 1) for place, seed in enumerate(seeds)}
    read = [1] * len(success) if accuracy is None else accuracy
    shares = {"success": success, "accuracy": read}.items()
    found = [(None, name, v, image, seed) for name, of in shares for seed in seeds for image, v in enumerate(of)]
    found += [
        (None, metric, value * apart[seed], image, seed)
        for metric, values in metrics.items()
        for seed in seeds
        for image, value in enumerate(values)
    ]
    for view, measured in (views or {}).items():
        for metric, values in zip(("success", "accuracy"), measured, strict=True):
            found += [(view, metric, value, image, seed) for seed in seeds for image, value in enumerate(values)]
    columns = ["defence", "metric", "value", "sample", "seed"]
    images = pd.DataFrame(found, columns=columns).assign(split="test", **kept)
    means = images.groupby(["metric", "defence", "seed"], dropna=False)["value"].mean().reset_index()
    return made, [images, *(means.assign(split=split, sample=np.nan, **kept) for split in ("val", "test"))]


def results_of(*runs, stored=None, **study):
    read = {uid: Artifact(tensors) for uid, tensors in (stored or {}).items()}
    of = [(trial, pd.concat(tables).to_dict("records")) for trial, tables in runs]
    results = fabricate.results_of(*of, tasks={"t": {"name": "some"}}, objectives=("success",), **study)
    return replace(results, read=lambda uid: read.get(uid, Artifact()))


@pytest.fixture
def classes(monkeypatch):
    """The classes of the data set that is attacked."""
    names = ("tabby, tabby cat", "crane", "crane")
    monkeypatch.setattr(gallery, "dataset", lambda spec: SimpleNamespace(classes=names))
    return names


def test_distances_are_printed_as_in_the_papers():
    assert [name_with_unit(m) for m in ("lpips", "linf", "success", "ssim")] == [
        "LPIPS (×1000)", "L∞", "success (%)", "1 - SSIM"
    ]  # fmt: skip
    assert name_metric("saliency_l1") == "saliency L1"
    values = (("lpips", 0.0073), ("l1", 783.86), ("linf", 0.006), ("success", 0.9978))
    assert [write_value(m, v) for m, v in values] == ["7.30", "783.86", "0.0060", "99.78"]
    small = (("lpips", 5.23e-5), ("lpips", -1e-4), ("saliency_ssim", 4.23e-5), ("success", 0.0005), ("l1", 0.0))
    assert [write_value(m, v, "+") for m, v in small] == ["+0.052", "-0.10", "+4.2e-05", "+0.05", "+0.00"]


def test_the_table_is_over_images_of_their_means_over_seeds(tmp_path):
    """Of 1, 2, 3 the mean is 2 and half the interval 4.3027 / sqrt(3); 3 of 3 begin at 3 / (3 + 1.96 ** 2).

    Seeds do not count as further images.
    """
    printed = tmp_path / "printed.csv"
    printed.write_text("# a source\ntask,arm,metric,value\nt,a,lpips,7.30\n")
    distances = {"l1": [1, 2, 3], "lpips": [0.001, 0.002, 0.003], "linf": [0.1, 0.1, 0.1]}
    a = attack("a", [1, 1, 1], accuracy=[1, 1, 1, 0], **distances)
    blocks = list(report.AttackTable()(results_of(a, attack("b", [0, 0, 0], l1=[5, 5, 5]), printed=printed)))
    head, rows = table_of(blocks)
    assert head == ["task", "method", "images", "accuracy", "success", "L1", "L∞", "LPIPS", "LPIPS printed"]
    assert rows[0] == [
        *(
            "t",
            "a",
            "3 of 4",
            "75.00 [30.06, 95.44]",
            "100.00 [43.85, 100.00]",
            "2.00 [-0.48, 4.48]",
            "0.1000",
        ),
        *("2.00 [-0.48, 4.48]", "7.30"),
    ]
    assert [cell for cell in rows[1] if cell.strip()] == [
        *("t", "b", "3 of 3", "100.00 [43.85, 100.00]", "0.00 [0.00, 56.15]", "5.00")
    ]
    assert "95 % interval over images" in text_of(blocks)
    assert "LPIPS (×1000), lower is better" in text_of(blocks)
    assert b"t,a,lpips,2.0" in files_of(blocks)["attacks.csv"]


def test_seconds_an_image_are_over_all_images_that_were_attacked():
    """Two stages attack three images each, for two seeds: 10.8 s / 12. The fourth image is misread, so left alone."""
    trial, (images, *means) = attack("a", [1, 1, 1], accuracy=[1, 1, 1, 0])
    further = images.assign(split="val", uid="further")
    results = results_of((trial, [images, further, *means]), attack("untimed", [1]))
    results = replace(results, made={"a": {"seconds": 3.0}, "further": {"seconds": 7.8}, "model": {"seconds": 99.0}})
    head, rows = table_of(report.AttackTable()(results))
    assert head[2:4] == ["images", "s an image"]
    assert [row[3] for row in rows] == ["0.9", ""]


def test_where_the_gradient_vanished_no_success_stands_alone():
    stuck = attack("a", [0, 0, 0], vanished=[1, 1, 0], l2=[0.0, 0.0, 0.1])
    results = results_of(stuck, attack("b", [1, 0, 0], vanished=[0, 0, 0]))
    blocks = list(report.AttackTable()(results))
    head, rows = table_of(blocks)
    cells = [row[head.index("success")] for row in rows]
    assert cells == ["0.00 [0.00, 56.15], gradient is 0 on 2 of 3 images", "33.33 [6.15, 79.23]"]
    assert "t, a: the gradient is 0 on 2 of 3 images" in text_of(blocks)
    assert "methods.a.attack.loss=margin" in text_of(blocks)
    assert b"gradient is 0 on 2 of 3 images" in files_of(blocks)["attacks.md"]
    verdict = text_of(report.AttackVerdict("b", success=0.3)(results))
    assert "a fools 0.00 % (gradient is 0 on 2 of 3 images)" in verdict
    stuck[0].method = members.build("methods", {"name": "attack", "attack": {"name": "lpa"}})
    assert "attack.loss=margin" not in text_of(report.AttackTable()(results))  # that is its loss


def test_where_no_image_was_read_right_the_table_and_the_page_say_so():
    results = results_of(attack("a", [], accuracy=[0] * 40))
    blocks = list(report.AttackTable()(results))
    assert table_of(blocks)[1] == [["t", "a", "0 of 40", "0.00 [0.00, 8.76]"]]
    assert b"0 of 40" in files_of(blocks)["attacks.md"]
    assert "reads none of the test images right" in text_of(blocks)
    assert "the model reads none right" in text_of(report.Gallery()(results))
    assert "No verdict" in text_of(report.AttackVerdict("a")(results))


OURS = {"success": [1, 1, 1, 0], "lpips": [0.001, 0.002, 0.003, 0.9]}


@pytest.mark.parametrize(
    ("rival", "said"),
    [
        ([0.005, 0.007, 0.009, 0.0], "yes, ours has the smallest LPIPS of 2 methods: -5.00 [-7.48, -2.52] against b"),
        (
            [0.002, 0.004, 0.006, 0.0],
            "not distinguishable: whether ours or b has the smallest LPIPS is not clear: -2",
        ),
        ([0.0, 0.0005, 0.001, 0.9], "no, ours has not the smallest LPIPS; smaller is that of b: +1.50 [+0.26, +2.74]"),
    ],
)
def test_the_verdict_is_of_images_that_both_methods_fool(rival, said):
    """The differences on the first three images; half an interval is 4.3027 / sqrt(3) times their deviation."""
    runs = attack("ours", seeds=(0,), **OURS), attack("b", [1, 1, 1, 1], seeds=(0,), lpips=rival)
    verdict, results = report.AttackVerdict("ours", metrics=("lpips",), success=0.75), results_of(*runs)
    text = text_of(verdict(results))
    assert f"t: {said}" in text
    assert "on 3 images" in text
    assert answer_of(verdict, results)[0] == f"t: {said.rsplit(': ', 1)[0]}."


@pytest.mark.parametrize(
    ("alarmed", "said"), [("ours", "no verdict, as ours is no result."), ("b", "no verdict, as no")]
)
def test_an_attack_whose_gradient_vanished_is_not_compared(alarmed, said):
    lpips = {"ours": [0.001, 0.002, 0.003], "b": [0.005, 0.007, 0.009]}
    stuck = {arm: {"vanished": [1.0, 1.0, 1.0]} if arm == alarmed else {} for arm in lpips}
    results = results_of(*(attack(arm, [1, 1, 1], lpips=lpips[arm], **stuck[arm]) for arm in lpips))
    text = text_of(report.AttackVerdict("ours", metrics=("lpips",))(results))
    assert f"t: {said}" in text
    assert "smallest LPIPS" not in text


def test_a_smaller_rival_is_named_beside_one_that_is_not_clear():
    rivals = {"b": [0.002, 0.004, 0.006, 0], "c": [0.0, 0.0005, 0.001, 0], "d": [0.5, 0.6, 0.7, 0]}
    runs = [attack(arm, [1, 1, 1, 1], lpips=values) for arm, values in rivals.items()]
    results = results_of(attack("ours", **OURS), *runs)
    text = text_of(report.AttackVerdict("ours", metrics=("lpips", "dists"), success=0.75)(results))
    assert "no, ours has not the smallest LPIPS; smaller is that of c: " in text
    assert "no verdict on DISTS" in text
    against_d = report.AttackVerdict("ours", metrics=("lpips",), success=0.75, rivals=("d",))
    assert answer_of(against_d, results)[0] == "t: yes, ours has the smallest LPIPS of 2 methods."


def test_methods_that_fool_too_few_images_are_not_compared():
    few, all_ = attack("few", [1, 1, 1, 0], lpips=[0.0, 0, 0, 0]), attack("all", [1, 1, 1, 1], lpips=[0.1] * 4)
    rate = "fools 75.00 %"
    ours_below = text_of(report.AttackVerdict("few")(results_of(few, all_)))
    assert f"it has not, as few {rate}, and the methods compared fool at least 99 % of the images." in ours_below
    assert "smallest LPIPS" not in ours_below
    alone = text_of(report.AttackVerdict("all")(results_of(few, all_)))
    assert "no verdict, as no other method that is a result fools at least 99 % of the images." in alone
    assert f"left out, as they fool less than 99 % of the images or are no results: few {rate}." in alone
    assert "nothing is stored of other" in text_of(report.AttackVerdict("other")(results_of(few, all_)))


def costly(arm, name, **arguments):
    run = attack(arm, [1])
    run[0].method = members.build("methods", {"name": "attack", "attack": {"name": name, **arguments}})
    return run


def test_costs_are_named_and_whether_the_paper_s_is_among_them():
    lpips, pieapp = (costly(arm, "perceptual", cost={"name": arm}) for arm in ("lpips", "pieapp"))
    others = costly("a", "pgd_l2"), costly("b", "ppgd"), costly("c", "lpa")
    text = text_of(report.AttackCosts()(results_of(lpips, *others)))
    assert "LPIPS: lpips." in text
    assert "neural distance: b, c." in text
    assert "PieAPP, whose published weights are not redistributable" in text
    text = text_of(report.AttackCosts()(results_of(lpips, pieapp)))
    assert "PieAPP: pieapp." in text
    assert "redistributable" not in text


def test_the_share_of_images_rises_by_one_at_each_value():
    a = attack("a", [1, 1, 0, 1], lpips=[0.004, 0.001, 0.002, 0.003])
    results = results_of(a, attack("b", [1] * 4, lpips=[0.002] * 4), attack("c", [1] * 4))
    blocks = list(report.Distributions()(results))
    boxes, shares = figures_of(blocks)[0].axes
    curve = {line.get_label(): line for line in shares.get_lines()}["a"]
    assert curve.get_xydata() == pytest.approx(np.array([[1, 25], [2, 50], [3, 75], [4, 100]]))
    assert [label.get_text() for label in boxes.get_yticklabels()] == ["a", "b"]
    assert shares.get_xscale() == "linear"
    assert "t: 4 images" in text_of(blocks)


@pytest.mark.parametrize(("smallest", "scale"), [(0.001, "log"), (0.0, "linear")])
def test_distances_that_lie_far_apart_are_drawn_by_ratio(smallest, scale):
    (figure,) = figures_of(report.Distributions()(results_of(attack("a", [1, 1], lpips=[smallest, 0.5]))))
    assert [axes.get_xscale() for axes in figure.axes] == [scale, scale]


def test_changes_are_amplified_until_the_middle_method_reaches_black_and_white():
    """Changes of 1, 8 and 64 steps: 128 / 8 = 16, which takes the first to 128 +- 16 and the last to 0 and 255."""
    original = np.full((8, 8, 1), 100, np.uint8)
    images = {arm: original + np.uint8(step) for arm, step in {"weak": 1, "middle": 8, "strong": 64}.items()}
    images["weak"][0, 0] = 99
    same = dict.fromkeys(["original", *images], 0)
    exhibit = Exhibit(images={"original": original, **images}, classes=same, saliency={}, names=["tabby"])
    assert exhibit.factor == 16
    title, weak = exhibit.panel("weak", "change")
    assert title == "change × 16"
    assert (weak[0, 0], weak[1, 1]) == (112, 144)
    assert (exhibit.panel("strong", "change")[1] == 255).all()
    assert exhibit.panel("original", "change") is None
    unchanged = Exhibit(images={"original": original, "a": original}, classes=same, saliency={}, names=["tabby"])
    assert unchanged.factor == 1


@pytest.mark.parametrize(("top", "left"), [(0, 0), (37, 52), (80, 80)])
def test_the_detail_is_where_methods_change_most(top, left):
    """A weak method changes that part alone, and a strong one everything alike."""
    original = np.full((100, 100, 3), 100, np.uint8)
    weak = original.copy()
    weak[top : top + 20, left : left + 20] += 1
    images = {"original": original, "weak": weak, "strong": original + np.uint8(50)}
    exhibit = Exhibit(images=images, classes=dict.fromkeys(images, 0), saliency={}, names=["tabby"])
    assert exhibit.detail == (slice(top, top + 20), slice(left, left + 20))
    assert (exhibit.panel("weak", "detail")[1] == 101).all()


def pictures(ids, predicted, side, channels=3, saliency=False):
    """What a method keeps of its first images: the first label is 0, the others are 1."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 200, (10, channels, side, side), dtype=torch.uint8, generator=generator)[ids]
    found = {"id": torch.tensor(ids), "x": x, "attacked": x + 5, "predicted": torch.tensor(predicted)}
    found["label"] = torch.tensor([0, *[1] * (len(ids) - 1)])
    maps = {"saliency": x[:, 0], "saliency_attacked": x[:, 0] + 9} if saliency else {}
    return {f"gallery/{name}": tensor for name, tensor in (found | maps).items()}


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def test_a_gallery_shows_what_all_methods_have_kept(classes):
    """Image 5 is missing from b; "crane" is the name of two classes, so that a reader cannot tell who is fooled."""
    stored = {"a": pictures([3, 5, 7], [0, 1, 2], 80), "b": pictures([3, 7], [1, 1], 80, saliency=True)}
    blocks = list(report.Gallery()(results_of(attack("a", [1]), attack("b", [1]), stored=stored)))
    assert list(files_of(blocks)) == ["gallery_1.png", "gallery_1.svg", "gallery_2.png", "gallery_2.svg"]
    first, second = figures_of(blocks)
    assert titles(first)[:4] == ["tabby", "", "detail", "saliency"]
    assert titles(first)[4::4] == ["tabby", "crane"]
    assert titles(second)[::4] == ["crane", "crane", "crane"]
    assert [first.axes[i].title.get_color() for i in (0, 4, 8)] == ["black", "black", FOOLED]
    assert [second.axes[i].title.get_color() for i in (0, 4, 8)] == ["black", FOOLED, "black"]
    assert [len(axes.get_images()) for axes in first.axes] == [1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert [axes.get_ylabel() for axes in first.axes[::4]] == ["original", "a", "b"]
    assert (first.axes[11].get_images()[0].get_array() == stored["b"]["gallery/saliency_attacked"][0].numpy()).all()
    assert "Details show" in text_of(blocks)


def test_digits_stand_beside_each_other_in_grey(classes):
    stored = {"a": pictures([0, 1, 2, 3], [1, 1, 1, 1], 28, channels=1)}
    blocks = list(report.Gallery(images=3)(results_of(attack("a", [1]), stored=stored)))
    (figure,) = figures_of(blocks)
    assert titles(figure)[6:] == ["crane", "change × 25"] * 3
    image = figure.axes[0].get_images()[0]
    assert (image.get_array().shape, image.get_cmap().name, image.get_clim()) == ((28, 28), "gray", (0, 255))
    assert "Details" not in text_of(blocks)


def test_defences_run_from_none_to_the_strongest():
    views = {"jpeg 30": ([0, 0], [1, 0]), "depth 2": ([1, 1], [0, 0]), "jpeg 90": ([1, 0], [1, 1])}
    results = results_of(attack("a", [1, 1], views=views), attack("b", [0, 1]))
    blocks = list(report.Defences()(results))
    jpeg, depth = figures_of(blocks)[0].axes
    assert [label.get_text() for label in jpeg.get_xticklabels()] == ["none", "90", "30"]
    assert [label.get_text() for label in depth.get_xticklabels()] == ["none", "2"]
    lines = {line.get_label(): line.get_xydata().tolist() for line in jpeg.get_lines()}
    assert lines == {"a": [[0, 100], [1, 50], [2, 0]], "b": [[0, 50]], "clean images misread": [[1, 0], [2, 50]]}
    head, rows = table_of(blocks)
    assert head == ["task", "defence", "a", "b", "clean images misread"]
    assert [row[1] for row in rows] == ["none", "jpeg 90", "jpeg 30", "depth 2"]
    assert rows[3][-1] == "100.00 [34.24, 100.00]"  # n / (n + 1.96 ** 2)
    assert {"defences.png", "defences.csv"} <= set(files_of(blocks))
    assert answer_of(report.Defences(), results)[0].startswith(
        "t, a: fools 100.00 [34.24, 100.00] % undefended, 0.00 [0.00, 65.76] % after jpeg 30; t, b: "
    )


def test_an_attack_survives_a_defence_better_where_the_images_say_so():
    """By scipy, over images: of two JPEGs each, and of one depth at which nothing differs."""
    ours, theirs = ([1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 1, 0]), ([0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0])
    read, deep = [1] * 6, [1, 0, 1, 0, 1, 0]
    views = [{"jpeg 90": (of[0], read), "jpeg 30": (of[1], read), "depth 2": (deep, read)} for of in (ours, theirs)]
    results = results_of(*(attack(arm, read, views=seen) for arm, seen in zip("ab", views, strict=True)))
    differences = (np.mean(ours, axis=0) - np.mean(theirs, axis=0)) * 100
    test = stats.ttest_1samp(differences, 0)
    low, high = test.confidence_interval()
    said = f"{differences.mean():+.2f} [{low:+.2f}, {high:+.2f}], adjusted p {2 * test.pvalue:.2g}"
    text = text_of(report.Survival("a")(results))
    assert f"t, JPEG: a fools more than b: {said}" in text
    assert "t, fewer bits: a is not told from b: +0.00, The values are all equal" in text
    assert "b fools fewer than a" in text_of(report.Survival("b", rivals=("a", "c"))(results))
    assert "No two methods" in text_of(report.Survival("a", rivals=("c",))(results))


def test_an_attack_dominates_where_its_images_are_moved_less_at_every_distance():
    """Twelve pairs: far apart; crossing, with as many images moved less as more; and one of many above by a hair."""
    ours = np.arange(1.0, 13.0)
    far, crossing, near = ours + 20, np.concatenate([ours[:6] - 6, ours[6:] + 6]), ours + 0.1
    made = {"a": ours, "far": far, "crossing": crossing, "near": near}
    results = results_of(*(attack(arm, [1] * 12, lpips=values.tolist(), seeds=(0,)) for arm, values in made.items()))
    text = text_of(report.Dominance("a", metrics=("lpips",))(results))
    p = 6 / 2**12  # of six tests the only one in which nothing but the pairs as they are is as far
    said = f"at most 100.00 % (adjusted p {p:.2g}) more of 12 images, at most 0.00 % fewer"
    assert f"t, LPIPS: a moves images less than far, at every distance: {said}" in text
    assert "a is not told from crossing at any distance: at most 50.00 %" in text
    assert "a is not told from near at any distance: at most 8.33 %" in text
    assert "far moves images more than a, at every distance" in text_of(report.Dominance("far", rivals=("a",))(results))
    assert "No two methods" in text_of(report.Dominance("a", metrics=("dists",))(results))


def test_what_was_not_measured_is_said_so():
    results = results_of(attack("a", [], lpips=[]), attack("b", [1, 1]))
    assert table_of(report.AttackTable(("lpips",))(results)) == (
        ["task", "method", "images", "accuracy"],
        [["t", "b", "2 of 2", "100.00 [34.24, 100.00]"]],
    )
    assert "No distance was measured" in text_of(report.Distributions()(results))
    assert "No images were kept" in text_of(report.Gallery()(results))
    assert "No defence was tried" in text_of(report.Defences()(results))
