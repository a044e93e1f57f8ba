"""What a study at the papers' scale needs is told before its data are there: by its loaders, by hand, or not at all."""

import pytest

from fairray.cli import main
from fairray.datasets._published import PUBLISHED
from fairray.launch.needs import foresee_needs
from fairray.launch.resources import WORKER_FLOPS

TINY = ["network=mlp", "network.units=4", "network.depth=1", "training.epochs=3", "launch=local"]


def test_models_hours_and_disk_are_those_counted_by_hand():
    """Two tasks of five seeds of a standard model, a teacher and a student; 12 inputs, 4 units, 2 outputs."""
    needs = foresee_needs("bade_mitigation", "paper", [*TINY, "tasks.*.size=[2, 2]"])
    assert needs.models == 2 * 5 * 3
    forward = 2 * (12 * 4 + 4 * 2)
    assert needs.gpu_hours == pytest.approx(needs.models * 3 * 3 * 162_770 * forward / WORKER_FLOPS)
    assert needs.results == needs.models * 4 * (12 * 4 + 4 + 4 * 2 + 2)
    assert needs.images == 202_599 * 12


def test_points_of_a_sampler_and_fresh_seeds_count_and_what_is_shared_counts_once():
    """Students: three losses, four other mixtures, seven temperatures besides the one that KD has, and eight of TPE;
    the teacher is everybody's. With confirm each of three searches has two fresh seeds of its chain of two."""
    few = ["tasks.*.size=[2, 2]", "seeds=1"]
    assert foresee_needs("bade_distillation", "paper", [*TINY, *few]).models == 1 + 1 + 3 + 4 + 7 + 8
    confirmed = ["confirm=2", "methods=[standard, mixture]", "baseline=standard"]
    needs = foresee_needs("bade_distillation", "paper", [*TINY, *few, *confirmed])
    assert needs.models == 2 + 1 + 7 + 2 * 2  # two fresh seeds of standard, a teacher, its students


def test_what_is_lacking_is_told_in_the_loader_s_words_and_no_error(tmp_path, capsys):
    assert (
        main(["plan", "bade_celeba", "--scale", "paper", f"launch.output={tmp_path}", *TINY, "tasks.*.size=[2, 2]"])
        == 0
    )
    told = capsys.readouterr().out
    assert (
        "needs celeba: set folder: DIR to where img_align_celeba/, list_attr_celeba.txt and list_eval_partition" in told
    )
    assert PUBLISHED["celeba"].at in told
    assert "estimated as 3 x forward operations" in told
    assert "not run here" in told


def test_an_optional_data_set_that_lacks_does_not_block():
    toy = [*TINY, "tasks={Toy: toy, MEPS: meps}", "methods=[standard]"]
    blocked = {
        of: foresee_needs("bade_benchmarks", "paper", [*toy, f"optional={of}"]).blocked for of in ("[]", "[MEPS]")
    }
    assert blocked == {"[]": True, "[MEPS]": False}
    assert foresee_needs("trust_faces", "paper", TINY).blocked


def test_attacks_take_at_most_all_their_steps_on_every_image():
    """1,000 photographs of 12 numbers, and two classes, as of what stands in. PerC-AL looks where its last step led."""
    few = ["tasks.*.size=[2, 2]", "methods.*.pretrained=false", "methods=[pgd_l2, perc_al]", "methods.*.shards=3"]
    steps = ["methods.perc_al.attack={name: perc_al, N: 7}", "methods.pgd_l2.attack={name: pgd_l2, N: 5}"]
    needs = foresee_needs("attack_comparison", "paper", [*TINY, *few, *steps])
    forward = 2 * (12 * 4 + 4 * 2)
    assert needs.attack_hours == pytest.approx(1_000 * 3 * (5 + 8) * forward / WORKER_FLOPS)
    assert f"attacks: at most about {needs.attack_hours:.3f} GPU hours" in str(needs)


def test_models_that_attack_their_own_images_pay_as_often_as_there_are_models():
    """Algorithm 4.1 attacks T1 N images of each theta_0 once; a model that attacks as it goes, (1 + T1) N an epoch."""
    pgd = ["methods={once: {name: dro, T1: 2, starts: 2, attack: {name: pgd_l2, N: 5}}}", "baseline=null"]
    online = [pgd[0].replace("once: {name: dro", "own: {name: online_adversarial"), "training.online={epochs: 3}"]
    hours = [
        foresee_needs(
            "dro_online", "paper", [*TINY, "seeds=6", "tasks.*.size=[2, 2]", "baseline=null", *of]
        ).attack_hours
        for of in (pgd, online)
    ]
    assert hours[0] > 0
    assert hours[1] / hours[0] == pytest.approx(6 * 3 * 3 / (2 * 2))


def test_inputs_that_are_drawn_have_a_shape_for_the_estimate():
    """63,000 images for training of 256 px a side; five models of it by one seed."""
    needs = foresee_needs("trust_networks", "paper", [*TINY, "methods={Plain: trust}", "baseline=null"])
    assert needs.lacking == {}
    assert needs.models == 5 * 5
    inputs = 3 * 256 * 256
    assert needs.results == 5 * sum(4 * (inputs * 4 + 4 + 5 * classes) for classes in (5, 7, 3, 4, 3))
