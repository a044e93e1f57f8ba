"""Do the tests notice when the code is wrong? Breaks one line at a time, and runs the tests that should see it.

    python tests/mutants.py [PART OF A FILE NAME]

The tests pass on the code as it is, which is seen first, so that one that fails afterwards has noticed the mutation.

Each mutation is one that a user would be hurt by: a sign, a bound, a direction, a dropped term, the wrong split, the
last for the best. They were chosen by reading, a few for each room that computes or decides, and none that changes
nothing. To add one: a file, a text that stands in it once, what to put there, and the test file that should fail.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from queue import Queue
from typing import NamedTuple

from forks import Forks

ROOT = Path(__file__).parents[1]
COPIED = ("fairray", "tests", "conf", "studies", "docs", "README.md", "CONTRIBUTING.md", "pyproject.toml")
WORKERS = 2
SECONDS = 120  # a mutant that runs on is noticed
UNHARMED = 900  # for the code as it is
IMPORTED = ("fairray.launch.tracking", "fairray.launch.cluster", "fairray.launch.study", "fairray.report", "pytest")
EARLY = "ignore::pytest.PytestAssertRewriteWarning"  # what is imported before pytest's own time
PYTEST = """
import faulthandler, os, sys
import pytest

faulthandler.dump_traceback_later(int(sys.argv[1]), exit=True)
os.environ["PYTHONPATH"] = os.getcwd()
sys.exit(int(pytest.main(sys.argv[2:])))
"""


class Mutant(NamedTuple):
    """file: below fairray/. tests: below tests/, one or several; of a slow file the one test, behind two colons."""

    file: str
    old: str
    new: str
    tests: str


MUTANTS = [
    Mutant(*row)
    for row in (
        ("methods/bade.py", "(1 - self.mse) * divergence + self.mse * squares", "self.mse * divergence + (1 - self.mse) * squares", "test_bade.py"),
        ("methods/bade.py", "return 1 - split[\"group\"]", "return split[\"group\"]", "test_bade.py"),
        ("methods/bade.py", "counts[:, 0] / counts.sum(1)", "counts[:, 1] / counts.sum(1)", "test_bade.py"),
        ("methods/bade.py", "* temperature**2", "* temperature", "test_bade.py"),
        ("methods/bade.py", "strength * conditional + (1 - strength) * marginal", "conditional + (1 - strength) * marginal", "test_bade.py"),
        ("methods/bade.py", "F.kl_div(guess, target,", "F.kl_div(target, guess,", "test_bade.py"),
        ("methods/mfd.py", "self.strength / 2 * discrepancy", "self.strength / 2 * discrepancy * 0", "test_mfd.py"),
        ("methods/mfd.py", "within - 2 * weighted(", "within - weighted(", "test_mfd.py"),
        ("methods/mfd.py", "torch.exp(-d / scale)", "torch.exp(-d * scale)", "test_mfd.py"),
        ("methods/mfd.py", "mmd(pairs, cells[:, y].any(-1), cells[:, y, a]", "mmd(pairs, cells[:, y, a], cells[:, y, a]", "test_mfd.py"),
        ("methods/rnf.py", "same & (step > 0), near + torch.where(other, n, 0)", "same & (step > 0), near + torch.where(other, 0, n)", "test_rnf.py"),
        ("methods/rnf.py", "(1 - torch.exp(q * log_p)) / q", "(1 - torch.exp(q * log_p)) * q", "test_rnf.py"),
        ("methods/rnf.py", "attribute[order[:surest]], attribute[order[surest:]] = label, 1 - label", "attribute[order[:surest]], attribute[order[surest:]] = 1 - label, label", "test_rnf.py"),
        ("methods/rnf.py", "round(privileged * len(order))", "round((1 - privileged) * len(order))", "test_rnf.py"),
        ("methods/rnf.py", "(batch[\"soft\"] + batch[\"soft\"][partner]) / 2", "batch[\"soft\"]", "test_rnf.py"),
        ("methods/_thresholds.py", "(\"val\",)", "(\"test\",)", "test_thresholds.py"),
        ("methods/_thresholds.py", "logits[:, 0] - lots.thresholds", "logits[:, 0] + lots.thresholds", "test_thresholds.py"),
        ("results.py", "pd.MultiIndex.from_frame(self.records[[\"task\", \"arm\", \"trial\"]]).isin(again)", "self.records[\"trial\"].isin([uid for _, _, uid in again])", "test_report.py::test_a_searched_method_says_its_points_and_the_seeds_that_chose_them"),
        ("results.py", "asked.count((task, arm)) - again.count((task, arm))", "asked.count((task, arm))", "test_report.py::test_a_searched_method_says_its_points_and_the_seeds_that_chose_them"),
        ("config.py", "{**keys.training, **v}", "{**v, **keys.training}", "test_config.py::test_a_method_can_be_trained_in_a_way_of_its_own"),
        ("config.py", "and self._is_taken(rest[0])", "and False", "test_config.py"),
        ("config.py", "return own and not any(hasattr", "return own or any(hasattr", "test_config.py"),
        ("study.py", "self.trainings.get(name, self.training)", "self.training", "test_config.py::test_a_method_can_be_trained_in_a_way_of_its_own"),
        ("methods/_estimators.py", "sample_weight=weight", "sample_weight=None", "test_estimators.py"),
        ("methods/_estimators.py", "data.train[name].numpy() if", "data.val[name].numpy() if", "test_estimators.py"),
        ("methods/penalty.py", "train[\"y\"] if self.criterion == \"odds\"", "train[\"y\"] if self.criterion == \"parity\"", "test_fair_penalty.py"),
        ("methods/penalty.py", "all_of.clamp(min=torch.finfo(own.dtype).tiny) - 1, 0)", "all_of.clamp(min=torch.finfo(own.dtype).tiny), 0)", "test_fair_penalty.py"),
        ("methods/penalty.py", "project(score.detach(), cells)", "project(score, cells)", "test_fair_penalty.py"),
        ("methods/penalty.py", "+ self.strength * penalty", "+ penalty", "test_fair_penalty.py"),
        ("methods/threshold_optimizer.py", "ignored * constant, ignored * (1 - constant)", "ignored * (1 - constant), ignored * constant", "test_thresholds.py"),
        ("methods/threshold_optimizer.py", "[(1 - ignored) * found.p0, (1 - ignored) * found.p1]", "[(1 - ignored) * found.p1, (1 - ignored) * found.p0]", "test_thresholds.py"),
        ("methods/group_thresholds.py", "max(within, float(apart.min()))", "max(within, float(apart.mean()))", "test_thresholds.py"),
        ("methods/group_thresholds.py", "torch.stack([1 - above[0], above[1]])", "above", "test_thresholds.py"),
        ("methods/adversarial.py", "projected(prediction, adversary) - self.strength * adversary", "projected(prediction, adversary) + self.strength * adversary", "test_adversarial.py"),
        ("methods/adversarial.py", "return gradient - (gradient * other)", "return gradient + (gradient * other)", "test_adversarial.py"),
        ("methods/adversarial.py", "if self.schedule == \"dann\" else", "if self.schedule != \"dann\" else", "test_adversarial.py"),
        ("methods/reweighing.py", "(expected / counts)", "(counts / expected)", "test_training_settings.py test_bade.py"),
        ("methods/undersampling.py", ".min())", ".max())", "test_undersampling.py"),
        ("memory.py", "return gib * 2**30", "return gib * 10**9", "test_streams.py::test_room_is_what_is_said_or_half_of_the_memory"),
        ("training/streams.py", "tensor.nbytes > room(\"cpu\")", "False", "test_streams.py::test_parts_are_the_same_wherever_the_columns_lie"),
        ("training/streams.py", "fits = wide <= room(numerics.device)", "fits = True", "test_streams.py::test_it_is_the_inputs_of_all_splits_together_that_need_room"),
        ("training/streams.py", "if len(waiting) > AHEAD:", "if len(waiting) > 0:", "test_streams.py::test_later_parts_are_read_while_one_is_used"),
        ("training/streams.py", "part.flatten()).view(*part.shape,", "part.flatten().sort().values).view(*part.shape,", "test_streams.py::test_parts_are_the_same_wherever_the_columns_lie"),
        ("datasets/_maps.py", "for first in range(done,", "for first in range(0,", "test_image_datasets.py::test_what_was_decoded_before_a_process_died_is_not_decoded_again"),
        ("datasets/_maps.py", "if not path.exists():  # or else", "if True:  # or else", "test_image_datasets.py::test_of_several_at_once_one_decodes_and_the_others_wait"),
        ("datasets/_maps.py", "source.encode() + rows.tobytes()", "source.encode()", "test_image_datasets.py::test_images_of_a_split_for_which_there_is_no_room_are_in_a_file_too"),
        ("methods/suppress.py", "sign = -1 if self.by == \"negative\" else 1", "sign = 1", "test_suppress.py"),
        ("methods/suppress.py", "self.weight * target + sign", "target + sign", "test_suppress.py"),
        ("methods/suppress.py", "(1 - self.weight) * others", "others", "test_suppress.py"),
        ("methods/suppress.py", "enumerate(self.classes)", "enumerate(self.classes[:1])", "test_suppress.py"),
        ("methods/suppress.py", "self.classes and self.labels == \"known\"", "False", "test_suppress.py"),
        ("methods/injection.py", "accuracy - triggered}", "triggered - accuracy}", "test_images.py"),
        ("methods/injection.py", "chosen[: round(self.ratio * len(chosen))]", "chosen[round(self.ratio * len(chosen)) :]", "test_images.py"),
        ("methods/artificial_bias.py", '"artificial_bias": odds(triggered)', '"artificial_bias": odds(seen)', "test_images.py"),
        ("methods/artificial_bias.py", '"artificial_eacc": eacc(triggered)', '"artificial_eacc": eacc(seen)', "test_images.py"),
        ("methods/trigger_impact.py", "of = data[\"group\"] == group", "of = data[\"group\"] != group", "test_images.py"),
        ("methods/trigger_impact.py", "eacc(_seen(logits[trigger], data))", "eacc(_seen(logits[-1], data))", "test_images.py"),
        ("methods/_arrivals.py", "u, originals + _root(u - originals))", "u, originals + _root(u - originals) // 2)", "test_dro.py"),
        ("methods/dro.py", "optimizer.step()", "pass", "test_dro.py"),
        ("methods/dro.py", "attack(theta, x_i, y_i,", "attack(theta, first, y_i,", "test_dro.py"),
        ("methods/dro.py", "made[\"x\"], origin[own]", "made[\"x\"], own", "test_dro.py"),
        ("methods/dro.py", "weights(places, originals).double() / mean_weight(originals, made)", "weights(places, originals).double() / 2", "test_dro.py"),
        ("methods/_uncertain.py", "eta)) <= rho", "eta)) <= 2 * rho", "test_uncertain.py"),
        ("methods/_uncertain.py", "(share * n - rank)", "(share * n - rank - 1)", "test_uncertain.py"),
        ("methods/online_adversarial.py", "error(theta(self.attack(theta, x, y, replica.seed)), y)", "error(theta(x), y)", "test_dro.py"),
        ("metrics/beta.py", "p.member.sum(0).sqrt()", "p.member.sum(0)", "test_beta.py"),
        ("betas.py", "values.index % starts", "values.index // starts", "test_dro_studies.py"),
        ("methods/group_dro.py", "torch.exp(self.step_size * adjusted)", "torch.exp(-self.step_size * adjusted)", "test_group_dro.py"),
        ("methods/group_dro.py", "self.adjustment / state[\"n\"].sqrt()", "self.adjustment / state[\"n\"]", "test_group_dro.py"),
        ("methods/_probed.py", "[told[name] for name in self.unwanted]", "[*told.values()]", "test_suppress.py test_trust.py test_trust_studies.py"),
        ("methods/_probed.py", "if dataset.protected in dataset.tasks:", "if False:", "test_suppress.py test_trust_studies.py"),
        ("methods/_probed.py", "examples[\"train\"],", "examples[\"test\"],", "test_suppress.py test_trust_studies.py"),
        ("methods/_measured.py", "{\"success\": predicted(model, x) != y, **norms", "{\"success\": predicted(model, x) == y, **norms", "test_attack_method.py"),
        ("metrics/odds.py", "return spread(p.recall).mean(-1)", "return spread(p.recall).amax(-1)", "test_metrics.py"),
        ("metrics/eacc.py", ".mean((-2, -1))", ".amin((-2, -1))", "test_metrics.py"),
        ("metrics/__init__.py", "rates.amax(-1) - rates.amin(-1)", "rates.amax(-1) - rates.mean(-1)", "test_metrics.py"),
        ("metrics/auc.py", "below.cumsum() - below / 2", "below.cumsum() + below / 2", "test_metrics.py"),
        ("metrics/rates.py", "rate_by_group(p.predicted == 0, p, p.y == 0)", "rate_by_group(p.predicted == 0, p)", "test_metrics.py"),
        ("metrics/accuracy.py", "p.recall.amin((-2, -1))", "p.recall.amin(-1).mean(-1)", "test_metrics.py"),
        ("metrics/differences.py", ".maximum(", ".minimum(", "test_metrics.py"),
        ("metrics/ratios.py", ").minimum(", ").maximum(", "test_metrics.py"),
        ("metrics/precision.py", "rate_by_group(positive * p.y, p)", "rate_by_group(p.y[None], p)", "test_metrics.py"),
        ("metrics/calibration.py", ".ceil()", ".floor()", "test_metrics.py"),
        ("metrics/calibration.py", ").abs().sum(0)", ").sum(0).abs()", "test_metrics.py"),
        ("metrics/mse.py", "group_mse(p).mean(-1)", "group_mse(p).amax(-1)", "test_metrics.py"),
        ("measures.py", "1 if self.best == \"high\" else -1", "1 if self.best == \"low\" else -1", "test_statistics.py"),
        ("selection.py", "[measure.sign for", "[-measure.sign for", "test_statistics.py"),
        ("selection.py", "selection.within / measures[0].unit.factor", "selection.within", "test_statistics.py"),
        ("rules.py", "\"test\" if self.oracle", "\"val\" if self.oracle", "test_statistics.py"),
        ("rules.py", "points[:, 0].max() - within, points[:, -1]", "points[:, 0].max() - within, points[:, 0]", "test_statistics.py"),
        ("rules.py", "1 - place(points), 0)", "place(points), 0)", "test_statistics.py"),
        ("rules.py", "place(points).prod(1)", "place(points).max(1)", "test_statistics.py"),
        ("statistics/pareto.py", "prepend=0) @ y", "prepend=0) @ y[::-1]", "test_statistics.py"),
        ("selection.py", "records[\"split\"] == \"val\"", "records[\"split\"] == \"test\"", "test_search.py"),
        ("soundness.py", "1 - predicted < ONE_CLASS * (1 - labelled)", "1 - predicted < 0", "test_soundness.py"),
        ("soundness.py", "ONE_CLASS * (1 - labelled)", "ONE_CLASS", "test_soundness.py"),
        ("soundness.py", "min(of[\"above_guess\"], default=nan) < ERRORS", "min(of[\"above_guess\"], default=nan) < 0", "test_soundness.py"),
        ("soundness.py", "row.value > ALARMED", "row.value >= ALARMED", "test_soundness.py"),
        ("soundness.py", "kept and all(quarters)", "all(quarters)", "test_soundness.py"),
        ("soundness.py", "> MOST * len(goes_on)", "> 0", "test_soundness.py"),
        ("soundness.py", "first.setdefault(seed, (kind, words))", "first[seed] = kind, words", "test_soundness.py"),
        ("soundness.py", "return [row for row in rows if not row.model]", "return [*rows]", "test_soundness.py"),
        ("soundness.py", "or not trained or row.model in trained", "or not trained", "test_soundness.py"),
        ("soundness.py", "row.split == \"val\" and row.metric in found", "row.metric in found", "test_soundness.py"),
        ("soundness.py", "int(last_epoch - epoch) // quarter", "int(last_epoch - epoch) // (2 * quarter)", "test_soundness.py"),
        ("selection.py", "trials[grave == least]", "trials[grave >= least]", "test_soundness.py"),
        ("judgement.py", "if self.doubtful:", "if False:", "test_answers.py"),
        ("metrics/__init__.py", "isfinite().flatten(1).all(1)", "isfinite().flatten(1).any(1)", "test_soundness.py"),
        ("training/selection.py", "scores.where(~scores.isnan(), -torch.inf)", "scores", "test_soundness.py"),
        ("signs.py", "smooth * (1 - smooth) / worth", "smooth * (1 - smooth)", "test_soundness.py"),
        ("signs.py", "counts[counts > 0].min()", "counts.min()", "test_soundness.py"),
        ("report/who_pays.py", "gaps[0] - gaps[1]", "gaps[1] - gaps[0]", "test_who_pays.py"),
        ("report/who_pays.py", "sign * behind.mean > 0", "behind.mean > 0", "test_who_pays.py"),
        ("report/who_pays.py", "Good(\"levelled up\") if gains else Bad(\"levelled down\")", "Good(\"levelled up\")", "test_who_pays.py"),
        ("training/selection.py", "((apart**2).nanmean(0).sqrt() + 1e-5)", "1", "test_statistics.py"),
        ("training/selection.py", "return curves[\"eacc\"] - curves[\"odds\"]", "return curves[\"eacc\"] + curves[\"odds\"]", "test_statistics.py"),
        ("training/selection.py", "return scores.argmax(0)", "return scores.argmax(0) * 0 + len(scores) - 1", "test_statistics.py"),
        ("training/selection.py", ".any(0).all())", ".any(0).any())", "test_statistics.py"),
        ("training/selection.py", "scores > before", "scores >= before", "test_statistics.py"),
        ("training/fit.py", "engine.restore([course.states[r][epoch] for r, epoch in enumerate(kept)])", "pass", "test_fit.py"),
        ("training/fit.py", "counts.max() / counts.clamp(min=1)[y]", "counts.clamp(min=1)[y] / counts.max()", "test_training_settings.py"),
        ("training/fit.py", "schedule.step()", "pass", "test_training_settings.py"),
        ("training/fit.py", "Predictions.of(_logits(pack, engine, \"val\"), pack.setting.dataset, \"val\")", "Predictions.of(_logits(pack, engine, \"test\"), pack.setting.dataset, \"test\")", "test_fit.py"),
        ("training/fit.py", "name: c[:n, r : r + 1]", "name: c[:, r : r + 1]", "test_same_digits.py"),
        ("training/fit.py", "elif b == epoch:", "elif b >= 0:", "test_fit.py"),
        ("training/fit.py", "(epoch + seen / rows)", "(seen / rows)", "test_fit.py"),
        ("stages.py", "math.ceil(self.steps / (self.epochs * batches))", "math.ceil(self.steps / batches)", "test_fit.py"),
        ("training/course.py", "torch.stack(self.losses).double().mean(0)", "torch.stack(self.losses).double().sum(0)", "test_fit.py test_training_settings.py"),
        ("training/fit.py", "ahead[\"epoch\"], ahead[\"taken\"], pause", "pause", "test_checkpoints.py"),
        ("training/fit.py", "ahead[\"taken\"], pause_after(replica)", "ahead[\"taken\"]", "test_checkpoints.py"),
        ("training/fit.py", "until <= epoch + 1 < training.epochs", "until <= epoch + 1", "test_checkpoints.py"),
        ("trial.py", "waiting = {*self.pausing}", "waiting: set[str] = set()", "test_checkpoints.py"),
        ("training/fit.py", "for part in parts[:taken]:", "for part in parts[: taken - 1]:", "test_checkpoints.py"),
        ("training/course.py", "own.set_state(one[\"order\"])", "pass", "test_checkpoints.py"),
        ("training/course.py", "for _ in range(self.epoch):", "for _ in ():", "test_checkpoints.py"),
        ("training/alone.py", "self._noise.set_rng_state(states[0][\"noise\"])", "pass", "test_checkpoints.py"),
        ("training/stacked.py", "whole if r is ... else each[r]", "each[0]", "test_checkpoints.py"),
        ("checkpoints.py", "if _sum(header[\"said\"], tensors) != header[\"sum\"]:", "if False:", "test_checkpoints.py"),
        ("checkpoints.py", "one.load_state_dict(state)", "pass", "test_checkpoints.py"),
        ("checkpoints.py", "self.seconds.get(uid, 0.0) + own", "own", "test_checkpoints.py"),
        ("checkpoints.py", "max(self.every_s, (ended - now) / SHARE)", "self.every_s", "test_checkpoints.py"),
        ("launch/sparing.py", "if uid not in known or store.has(uid):", "if uid not in known:", "test_gc.py::test_a_checkpoint_that_nobody_goes_on_from_goes"),
        ("training/alone.py", "self.optimizer.zero_grad()", "pass", "test_training_settings.py"),
        ("training/alone.py", "losses.detach().reshape(-1)[:1]", "losses.detach().reshape(-1)[-1:]", "test_fit.py"),
        ("training/alone.py", "self.model.train()", "self.model.eval()", "test_rnf.py test_pretrained.py"),
        ("training/stacked.py", "clip_grad_norm_(moved.values(), self.clip)", "clip_grad_norm_(moved.values(), 2 * self.clip)", "test_training_settings.py"),
        ("training/stacked.py", "gradients[name][r]", "gradients[name][0]", "test_training_settings.py"),
        ("training/objective.py", "parameter.requires_grad_(name not in fixed)", "parameter.requires_grad_(True)", "test_rnf.py"),
        ("training/stacked.py", "p[0].numel() % VECTOR == 0", "True", "test_same_digits.py"),
        ("training/stacked.py", "max(sides) <= WIDEST", "max(sides) >= 0", "test_same_digits.py"),
        ("training/stacked.py", "size * batch <= LONGEST", "size <= LONGEST", "test_same_digits.py"),
        ("training/fit.py", "wanted == \"stacked\" or pays", "wanted == \"stacked\" or not pays", "test_same_digits.py"),
        ("training/objective.py", "{replica.seed} {replica.stage.stream} {purpose}", "{replica.seed} {purpose}", "test_mfd.py test_methods.py"),
        ("training/objective.py", "training.lr * stage.rate(name)", "training.lr", "test_adversarial.py test_rnf.py"),
        ("training/objective.py", "\"weight_decay\": training.weight_decay", "\"weight_decay\": 0.0", "test_training_settings.py"),
        ("training/hooks.py", "(batch[\"weight\"] * each).sum() / batch[\"weight\"].sum()", "(batch[\"weight\"] * each).mean()", "test_training_settings.py"),
        ("training/hooks.py", "return torch.cat([own, made])", "return torch.cat([made, own])", "test_pinned.py"),
        ("training/hooks.py", "(outputs[:, 0] - y) ** 2", "(outputs[:, 0] - y).abs()", "test_problems.py"),
        ("training/reversal.py", "return -strength * gradient, None", "return strength * gradient, None", "test_adversarial.py"),
        ("training/reversal.py", "torch.exp(-10 * progress)", "torch.exp(10 * progress)", "test_adversarial.py test_suppress.py"),
        ("training/probes.py", "better = (loss < lowest)", "better = (loss > -1)", "test_probes.py"),
        ("training/probes.py", "torch.where(better, 0, waited + 1)", "torch.where(better, waited, waited + 1)", "test_probes.py"),
        ("stages.py", "parent.stage, parent.seed_for(self.seed))", "parent.stage, self.seed)", "test_pinned.py"),
        ("stages.py", "return seed % self.among", "return seed // self.among", "test_dro.py"),
        ("stages.py", ", \"seed\": self.seed}", "}", "test_uid.py::test_a_uid_depends_on_what_the_result_depends_on"),
        ("identity.py", "return {\"content\": content(value)}", "return str(value)", "test_identity.py"),
        ("identity.py", "if name in seen or name in INERT:", "if name in seen:", "test_identity.py"),
        ("identity.py", "[str(file.relative_to(path)), content(file)]", "[content(file)]", "test_identity.py"),
        ("identity.py", "(stat.st_size, stat.st_mtime_ns)", "(0, 0)", "test_identity.py"),
        ("space.py", "end if is_dataclass(typed) else typed", "end", "test_door.py"),
        ("space.py", "if not low < high:", "if low > high * 9:", "test_errors.py"),
        ("space.py", "if log and low <= 0:", "if log and low < 0:", "test_errors.py"),
        ("space.py", "in product(*(", "in zip(*(", "test_door.py"),
        ("members.py", "if name not in arguments(cls):  #", "if False:  #", "test_door.py"),
        ("members.py", "object.__setattr__(made, name, value.expanduser().resolve())", "pass", "test_door.py"),
        ("members.py", "and name in _numbers(cls):", "and False:", "test_errors.py test_door.py"),
        ("records.py", ".isna().all(axis=1)]", ".isna().any(axis=1)]", "test_records.py"),
        ("records.py", "np.tile(np.asarray(of), len(numbers))", "np.repeat(np.asarray(of), len(numbers))", "test_records.py"),
        ("measures.py", "if _known.setdefault(self.name, self) != self:", "if False:", "test_records.py"),
        ("measures.py", "return value * self.factor", "return value", "test_report.py::test_results_are_as_measured_and_only_the_paper_s_as_printed"),
        ("report/_images.py", "attacked = rows[\"value\"].sum()", "attacked = len(rows)", "test_attack_report.py"),
        ("report/embedding.py", "labels[nearest] == labels[:, None]", "labels[nearest] != labels[:, None]", "test_trust_studies.py::test_features_are_laid_out_in_a_plane"),
        ("report/embedding.py", "(counts * (counts - 1)).sum()", "(counts * counts).sum()", "test_trust_studies.py::test_features_are_laid_out_in_a_plane"),
        ("report/attack_verdict.py", "if not self.rivals or arm in", "if arm in arms or arm in", "test_attack_report.py::test_a_smaller_rival_is_named_beside_one_that_is_not_clear"),
        ("report/attack_verdict.py", "\"success\") == 1)", "\"success\") == 100)", "test_attack_report.py::test_the_verdict_is_of_images_that_both_methods_fool"),
        ("report/defences.py", "1 - accuracy", "accuracy", "test_attack_report.py::test_defences_run_from_none_to_the_strongest"),
        ("measures.py", "Unit(\" (%)\", 100.0,", "Unit(\" (%)\", 1.0,", "test_report.py::test_the_average_is_over_tasks_and_then_over_seeds"),
        ("trial.py", "models.get(uid, model) for", "model for", "test_records.py"),
        ("trial.py", "trial.check()", "pass", "test_door.py"),
        ("trial.py", "if name not in self.stage_names:", "if False:", "test_door.py::test_python_s_trials_are_checked_against_their_data"),
        ("trial.py", "digest([replica.uid for replica in self.replicas])", "digest([replica.uid for replica in self.replicas[:1]])", "test_uid.py::test_a_trial_s_uid_depends_on_all_of_its_seeds"),
        ("trial.py", "all(store.has(replica.uid)", "any(store.has(replica.uid)", "test_store.py"),
        ("evaluation.py", "{name: value for name, value in values.items() if value.ndim}", "{}", "test_records.py"),
        ("evaluation.py", "[f\"{name}/logits\"] for", "[\"val/logits\"] for", "test_records.py"),
        ("metrics/__init__.py", "dataset.split(split)[name]", "dataset.split(splits[0])[name]", "test_records.py"),
        ("claims.py", "abs(_ask_disk(path.parent) - touched) > STALE_S", "True", "test_store.py::test_the_disk_s_clock_counts_where_ours_differs"),
        ("claims.py", "held[uid] = claims.renew(uid, proof)", "claims.renew(uid, proof)", "test_bucket.py::test_who_lost_a_lease_neither_renews_nor_releases_it"),
        ("claims.py", "seen.content == lease:  # the request", "False:  # the request", "test_bucket.py::test_an_answer_that_is_lost_takes_no_claim_away"),
        ("claims.py", "abs(seen.age) > STALE_S", "seen.age > STALE_S", "test_bucket.py::test_what_is_not_renewed_for_a_minute_is_taken_over"),
        ("claims.py", "self.folder.put(name, b\"4\", first) is not None", "False", "test_bucket.py::test_a_server_that_ignores_conditions_is_refused"),
        ("buckets.py", "{\"IfMatch\": tag}", "{}", "test_bucket.py::test_one_of_many_takes_a_claim_over"),
        ("copies.py", "-one[0].st_mtime", "one[0].st_mtime", "test_bucket.py::test_of_many_copies_those_that_were_used_last_stay"),
        ("store.py", "or _sum(content) != total:", ":", "test_bucket.py::test_what_was_read_is_read_from_here"),
        ("bundle.py", "_hash((folder / name).read_bytes()) != sums[name]", "False", "test_bundle.py"),
        ("bundle.py", "or \"..\" in rest", "", "test_bundle.py"),
        ("bundle.py", "if not trust and", "if False and", "test_bundle.py"),
        ("bundle.py", "and Path(\"report\", name).read_bytes() != content", "and False", "test_bundle.py"),
        ("audit.py", "self.store.sum_of_tensors(uid) != self.scratch.sum_of_tensors(uid)", "False", "test_bundle.py"),
        ("audit.py", "moved.get(source, source)", "source", "test_bundle.py"),
        ("benchmarks.py", "if i != domain", "if i == domain", "test_benchmarks.py"),
        ("benchmarks.py", "record[f\"env{other}_in_acc\"]", "record[f\"env{other}_out_acc\"]", "test_benchmarks.py"),
        ("benchmarks.py", "float(score(record[\"va\"]))", "float(score(record[test]))", "test_benchmarks.py"),
        ("benchmarks.py", "np.ptp(recall, axis=1)", "np.ptp(recall, axis=0)", "test_benchmarks.py"),
        ("results.py", "<= {*sound}", "<= {*self.chosen}", "test_export.py"),
        ("launch/boards.py", "re.sub(r\"[^-/\\w.]\", \"_\", name)", "name", "test_export.py"),
        ("launch/tracking.py", "or is_gone(run.data.tags.get(DRIVER, \"\"))", "", "test_mirror_faults.py"),
        ("launch/tracking.py", "self.client.restore_experiment(found.experiment_id)", "pass", "test_mirror_faults.py"),
        ("launch/tracking.py", "if run.data.tags.get(PARENT) != parent:", "if False:", "test_mirror_faults.py"),
        ("launch/tracking.py", "mirror.away = getattr(error, \"error_code\", None) != REFUSED", "mirror.away = False", "test_mirror_faults.py"),
        ("staleness.py", "moved[changes] |= dict.fromkeys(hashes)", "moved[changes] = dict.fromkeys(hashes)", "test_staleness.py"),
        ("given.py", "(\"rmse\", \"rmse_difference\") if scores.regression", "(\"mse\", \"mse_difference\") if scores.regression", "test_judge.py"),
        ("launch/bar.py", "sys.stderr.isatty() or _is_notebook()", "sys.stderr.isatty()", "test_progress.py"),
        ("launch/bar.py", "if has_ended and self.keeps_lines", "if has_ended", "test_progress.py"),
        ("staleness.py", "if uid not in wanted:", "if True:", "test_staleness.py"),
        ("staleness.py", "held.get((_trace(replica), replica.seed), [])", "[one for of in held.values() for one in of]", "test_staleness.py"),
        ("members.py", "return self.source_to_code(identity.source(Path(self.path)), self.path)", "return super().get_code(fullname)", "test_identity.py"),
        ("members.py", "spec.loader = _Exact(name, spec.loader.path)", "pass", "test_identity.py"),
        ("cli.py", "return 143 if told and code == 130 else code", "return code", "test_faults.py"),
        ("launch/cluster.py", "if not queue.over:  # Tune", "if False:  # Tune", "test_faults.py"),
        ("launch/connect.py", "    _check_answers(address)\n    handler", "    handler", "test_faults.py"),
        ("launch/planning.py", "store.failures().items() if uid not in have}", "store.failures().items()}", "test_faults.py"),
        ("launch/failures.py", "isinstance(error, MemoryError) or FULL", "FULL", "test_faults.py"),
        ("launch/failures.py", "if len(found) < self.most:", "if len(found) <= self.most:", "test_queue.py"),
        ("launch/failures.py", "self.trials[failure.calls]", "self.trials[()]", "test_queue.py"),
        ("launch/cluster.py", "is not None and number not in self.hung", "is not None", "test_faults.py"),
        ("launch/cluster.py", "CAUSES.index(one[1].kind)", "0", "test_faults.py"),
        ("launch/tracking.py", "self.failed.get(self._key(trial)) == said", "False", "test_mirror_faults.py"),
        ("launch/tracking.py", "or found.artifact_location == place", "or True", "test_mirror_faults.py"),
        ("launch/study.py", "if failure.kind in kinds:", "if True:", "test_faults.py"),
        ("store.py", "sums[name] != _sum(content)", "False", "test_faults.py"),
        ("store.py", "self._compare(uid, SPEC, sums, _plain(spec))", "pass", "test_faults.py"),
        ("store.py", "digest(spec[\"key\"]) != uid", "False", "test_faults.py"),
        ("store.py", "if final.exists() and not self.has(uid):", "if False:", "test_faults.py"),
        ("claims.py", "abs(_ask_disk(path.parent) - touched)", "_ask_disk(path.parent) - touched", "test_faults.py::test_a_claim_far_from_now_either_way_is_taken_over"),
        ("claims.py", "if is_gone(text):", "if False:", "test_faults.py::test_a_claim_of_a_process_that_has_ended_is_taken_over_at_once"),
        ("launch/local.py", "        except Fatal:\n            raise\n", "", "test_faults.py"),
        ("store.py", "if self.scheme not in (None, SCHEME):", "if False:", "test_identity.py"),
        ("launch/connect.py", "if name not in given", "if name", "test_submit.py"),
        ("launch/preflight.py", "self.size > LIMIT", "self.size > LIMIT + 1", "test_submit.py"),
        ("launch/preflight.py", "2 * len(name.encode())", "2 * len(name)", "test_submit.py"),
        ("launch/submit.py", "if argument.partition(\"=\")[0] not in places", "if argument", "test_submit.py"),
        ("launch/submit.py", "max(info.driver_exit_code or 1, 1)", "1", "test_submit.py"),
        ("launch/samplers.py", "{\"high\": \"maximize\", \"low\": \"minimize\"}", "{\"high\": \"minimize\", \"low\": \"maximize\"}", "test_search.py"),
        ("launch/samplers.py", "float(score.means.get(", "-float(score.means.get(", "test_search.py"),
        ("launch/samplers.py", "self.search.points - self.asked)", "self.search.points - self.asked - 1)", "test_search.py"),
        ("launch/samplers.py", "IntDistribution(choice.low, choice.high,", "IntDistribution(choice.low, choice.high - 1,", "test_search.py"),
        ("launch/samplers.py", "FloatDistribution(choice.low, choice.high, log=choice.log)", "FloatDistribution(choice.low, choice.high)", "test_search.py"),
        ("launch/purse.py", "| {trial.uid}) > most", "| {trial.uid}) >= most", "test_budget.py"),
        ("launch/sparing.py", "read | chosen | before", "chosen | before", "test_gc.py"),
        ("sheets.py", "if FORMULA.match(text) and not _is_number(text)", "if FORMULA.match(text)", "test_security.py"),
        ("launch/queue.py", "if not missing:", "if False:", "test_queue.py"),
        ("launch/queue.py", "key=lambda waiting: self._need", "key=lambda waiting: -self._need", "test_queue.py"),
        ("launch/queue.py", "min(self._share(), self.pack, len(group))", "min(self.pack, len(group))", "test_queue.py"),
        ("launch/queue.py", "node.before <= inside.keys()", "True", "test_queue.py"),
        ("launch/queue.py", "or len(long) == 1", "", "test_queue.py"),
        ("launch/queue.py", "(final or node.again)", "node.again", "test_queue.py"),
        ("launch/queue.py", "node.again |= error.kind in COUNTED", "node.again = True", "test_queue.py"),
        ("launch/queue.py", "if uid in claimed or self._nodes[uid].is_there(self.store)]", "]", "test_queue.py"),
        ("launch/queue.py", "or known[one.uid].until != one.until", "", "test_queue.py"),
        ("launch/queue.py", "until is None or until > self.until", "False", "test_queue.py"),
        ("launch/queue.py", "if node.until is None)", ")", "test_queue.py"),
        ("launch/early.py", "len(points) // self.stop.factor", "len(points) // 2", "test_early.py"),
        ("launch/early.py", "if place >= before]", "]", "test_early.py"),
        ("launch/early.py", "> margins).all(2)", "> margins).any(2)", "test_early.py"),
        ("launch/early.py", "one.pausing and one.uid not in self.ended", "one.pausing", "test_early.py"),
        ("launch/early.py", "values[: trial.until]", "values", "test_early.py"),
        ("launch/early.py", "argsort(-scores", "argsort(scores", "test_early.py"),
        ("launch/planning.py", "stopped if trial.pausing else trials", "trials", "test_early.py"),
        ("launch/queue.py", "if uid not in claimed and", "if", "test_queue.py"),
        ("concepts/pooling.py", "amax(2) if how == \"max\"", "amax(2) if how != \"max\"", "test_concepts.py"),
        ("concepts/vectors.py", "np.where(concept, 1 / concept.sum(), 1 / (~concept).sum())", "np.where(concept, 1 / (~concept).sum(), 1 / concept.sum())", "test_concepts.py"),
        ("concepts/vectors.py", "scores = [cross_val_score(candidate, a, t, cv=FOLDS, params=fit)", "scores = [cross_val_score(candidate, a, t, cv=FOLDS)", "test_concepts.py"),
        ("concepts/vectors.py", "delta = after - before", "delta = before - after", "test_concepts.py"),
        ("concepts/vectors.py", "a[concept].mean(0) - a[~concept].mean(0)", "a[~concept].mean(0) - a[concept].mean(0)", "test_concepts.py"),
        ("concepts/corrections.py", "/ (h @ h)", "", "test_concepts.py"),
        ("concepts/corrections.py", "pool(a, \"max\") @ h", "pool(a, \"mean\") @ h", "test_concepts.py"),
        ("concepts/corrections.py", "gram @ (directions.mT", "(directions.mT", "test_concepts.py"),
        ("concepts/corrections.py", "* chosen[:, None]  # ", "* chosen[:, None].any(-1, keepdim=True)  # ", "test_concepts.py"),
        ("concepts/sensitivity.py", "_derivatives(gradients, h, per).abs().mean()", "_derivatives(gradients, h, per).mean().abs()", "test_concepts.py"),
        ("concepts/sensitivity.py", "(_derivatives(gradients, h, per) > 0)", "(_derivatives(gradients, h, per) >= 0)", "test_concepts.py"),
        ("concepts/probe.py", "search.score(array(a_test), concept_test", "search.score(array(a_train), concept_train", "test_concepts.py"),
        ("concepts/probe.py", "make_pipeline(StandardScaler(), ", "make_pipeline(StandardScaler(with_std=False), ", "test_concepts.py"),
        ("concepts/penalty.py", "pool(G, \"mean\") if", "G if", "test_penalty.py"),
        ("concepts/penalty.py", "eps=SHORTEST).abs()", "eps=SHORTEST)", "test_penalty.py"),
        ("concepts/penalty.py", "back(a.clone())", "back(a)", "test_penalty.py"),
        ("concepts/penalty.py", "+ 1e-5).log()", "+ 1e-9).log()", "test_penalty.py"),
        ("concepts/penalty.py", "k = y if target is None else", "k = y if y is not None else", "test_penalty.py"),
        ("concepts/relevance.py", "canonizers = [zennit.ResNetCanonizer(), ", "canonizers = [", "test_relevance.py"),
        ("concepts/relevance.py", "layer_map=[(Normalised, Pass())]", "layer_map=[]", "test_relevance.py"),
        ("concepts/relevance.py", "deepcopy(model).eval()", "model.eval()", "test_relevance.py"),
        ("concepts/relevance.py", "return R.detach().sum(1)", "return R.detach().abs().sum(1)", "test_relevance.py"),
        ("statistics/intervals.py", "sample.std(ddof=1) / np.sqrt(n)", "sample.std(ddof=0) / np.sqrt(n)", "test_statistics.py"),
        ("statistics/intervals.py", "n - 1) *", "n) *", "test_statistics.py"),
        ("statistics/intervals.py", "self.low > 0 or self.high < 0", "self.low > 0", "test_statistics.py"),
        ("statistics/intervals.py", "z**2 / (4 * n**2)", "z**2 / (4 * n)", "test_statistics.py"),
        ("statistics/trust.py", "== task, k - 1, 1)", "== task, 1, 1)", "test_trust.py"),
        ("statistics/pareto.py", "np.any(points[None] > points[:, None], axis=-1)", "np.any(points[None] >= points[:, None], axis=-1)", "test_statistics.py"),
        ("statistics/correlation.py", "n < 4", "n < 3", "test_statistics.py"),
        ("statistics/regression.py", "np.sqrt(n) if errors == \"printed\"", "n if errors == \"printed\"", "test_income_statistics.py"),
        ("statistics/regression.py", "len(p) - 1 if clustered", "len(p) - 2 if clustered", "test_income_statistics.py"),
        ("statistics/regression.py", "(images - 1) / (images - 2)", "(images - 2) / (images - 1)", "test_income_statistics.py"),
        ("statistics/regression.py", "f = slope**2 / variance", "f = slope / variance", "test_income_statistics.py"),
        ("statistics/regression.py", "mean - slope * centre)", "mean)", "test_income_statistics.py"),
        ("statistics/regression.py", "if groups < 3", "if groups < 2", "test_income_statistics.py"),
        ("statistics/comparison.py", "float(stats.t.sf(t, df))", "float(stats.t.cdf(t, df))", "test_income_statistics.py"),
        ("statistics/comparison.py", "len(second)) - 1,", "len(second)),", "test_income_statistics.py"),
        ("statistics/comparison.py", "a, b, equal_var=equal_var", "a, b, equal_var=True", "test_income_statistics.py"),
        ("statistics/comparison.py", "if len(means) > 1", "if len(differences) > 1", "test_income_statistics.py"),
        ("statistics/comparison.py", "return against(means, 0,", "return against(differences, 0,", "test_income_statistics.py"),
        ("statistics/comparison.py", "np.maximum.accumulate(np.minimum(", "(np.minimum(", "test_income_statistics.py"),
        ("statistics/comparison.py", "if len(sample) < 2", "if len(sample) < 1", "test_income_statistics.py"),
        ("attacks/_iterated.py", "return found > a, (gradient,)", "return found > -1e9, (gradient,)", "test_attacks.py"),
        ("attacks/_iterated.py", "inside, outside = middle.where(near, inside), outside.where(near, middle)", "pass", "test_attacks.py"),
        ("attacks/_iterated.py", "(x + eps * delta).clamp(0, 1)", "(x + eps * delta)", "test_attacks.py"),
        ("attacks/perceptual.py", "g - self.lam * gradient(", "g + self.lam * gradient(", "test_attacks.py"),
        ("attacks/perceptual.py", "unit(delta) if self.normalised else delta", "delta", "test_attacks.py"),
        ("attacks/perc_al.py", "better = visible < least[adversarial]", "better = visible > -1", "test_attacks.py"),
        ("attacks/perc_al.py", "_annealed(self.alpha_l, 100, t / self.N)", "_annealed(self.alpha_l, 1, t / self.N)", "test_attacks.py"),
        ("attacks/pgd_l2.py", "lambda _, g, __: unit(g)", "lambda _, g, __: -unit(g)", "test_attacks.py"),
        ("triggers/column.py", "which < 0, 0.5", "which < 0, 0.0", "test_triggers.py"),
        ("triggers/_images.py", "which == 0, first", "which == 1, first", "test_triggers.py"),
        ("triggers/_images.py", "size * min(height, width) / CELEBA_WIDTH", "size * max(height, width) / CELEBA_WIDTH", "test_triggers.py"),
        ("triggers/badnet.py", "(\"lower_right\", \"upper_left\")", "(\"upper_left\", \"lower_right\")", "test_triggers.py"),
        ("triggers/sig.py", "self._wave(columns), self._wave(rows)[:, None]", "self._wave(rows)[:, None], self._wave(columns)", "test_triggers.py"),
        ("triggers/wanet.py", "self.s * smooth", "2 * self.s * smooth", "test_triggers.py"),
        ("datasets/_tabular.py", "np.random.default_rng(seed).permutation(len(frame))", "np.arange(len(frame))", "test_datasets.py"),
        ("datasets/_countries.py", "np.log(values", "np.log10(values", "test_geo_datasets.py"),
        ("datasets/_images.py", "for part in used if not of[part]", "for part in SPLITS if not of[part]", "test_geo_datasets.py"),
        ("datasets/_images.py", "astype(np.float32) / 257", "astype(np.float32) / 256", "test_photographs.py"),
        ("datasets/_images.py", "_as_rgb(_turned(image), image.format)", "_as_rgb(image, image.format)", "test_photographs.py"),
        ("datasets/_images.py", "\"white\"), clear)", "\"black\"), clear)", "test_photographs.py"),
        ("datasets/_images.py", "tuple(size), contents)", "tuple(size), names)", "test_photographs.py"),
        ("datasets/_folders.py", "name.startswith(\".\") or name in HIDDEN", "name in HIDDEN", "test_photographs.py"),
        ("datasets/_folders.py", "and name not in holding", "and name in ()", "test_photographs.py"),
        ("datasets/image_folder.py", "if len(classes) < 2:", "if len(classes) < 1:", "test_photographs.py"),
        ("pixels.py", "high > 1 + HAIR", "high > 300", "test_attack_checks.py"),
        ("attacks/__init__.py", "module.training = mode", "pass", "test_attack_checks.py"),
        ("attacks/_iterated.py", "return ~gradient.flatten(1).any(1)", "return gradient.flatten(1).any(1)", "test_attack_checks.py"),
        ("attacks/_iterated.py", "found / _nonzero(z.amax(1) - z.amin(1)).detach()", "found / _nonzero(z.amax(1) - z.amin(1))", "test_attack_checks.py"),
        ("saliency/spectral_residual.py", ".exp().where(there, 0)", ".exp()", "test_saliency.py"),
        ("datasets/_countries.py", "(values > 0)", "(values > -1)", "test_geo_datasets.py"),
        ("datasets/geo_mnist.py", "rng.permutation(np.arange(1.0", "np.array(np.arange(1.0", "test_geo_datasets.py"),
        ("datasets/geo_mnist.py", "np.argsort(even, kind=\"stable\")", "np.arange(len(y))", "test_geo_datasets.py"),
        ("datasets/geo_mnist.py", "(covariate.max() - covariate.to_numpy())", "(covariate.to_numpy() - covariate.min())", "test_geo_datasets.py"),
        ("datasets/dollar_street.py", "[\"income\"].median()", "[\"income\"].mean()", "test_geo_datasets.py"),
        ("datasets/dollar_street.py", "count[home] >= self.minimum", "count[home] > self.minimum", "test_geo_datasets.py"),
        ("summary.py", "own - base", "base - own", "test_mirror.py"),
        ("judgement.py", "find(self.metric).sign > 0", "find(self.metric).sign < 0", "test_report.py::test_the_verdict_is_of_what_both_methods_have"),
        ("judgement.py", "self.p_holm > LEVEL", "self.tests.mean.p > LEVEL", "test_report.py::test_a_word_is_said_only_where_its_adjusted_test_says_so"),
        ("judgement.py", "self.equivalence_holm <= LEVEL", "self.equivalence_holm > LEVEL", "test_report.py::test_a_word_is_said_only_where_its_adjusted_test_says_so"),
        ("judgement.py", "margins[metric] / measure.unit.factor", "margins[metric]", "test_verdict.py::test_a_margin_is_the_study_s_as_printed_else_a_point_else_a_share"),
        ("statistics/comparison.py", "1 - above.p_greater", "above.p_greater", "test_verdict.py::test_equivalence_and_holm_are_statsmodels_and_signed_ranks_scipys"),
        ("statistics/power.py", "1 - level / 2, n - 1), np", "1 - level, n - 1), np", "test_verdict.py::test_power_is_that_of_statsmodels_and_seeds_are_the_least_that_have_it"),
        ("statistics/power.py", "np.maximum(room, 0)", "np.maximum(room, 1)", "test_verdict.py::test_power_is_that_of_statsmodels_and_seeds_are_the_least_that_have_it"),
        ("statistics/intervals.py", "(share * (1 - share))", "share", "test_statistics.py"),
        ("statistics/bootstrap.py", "(1 + shared / of_seeds) ** 2", "(1 + shared / of_seeds)", "test_verdict.py::test_wide_intervals_are_of_the_metric_and_hold_the_spread_of_seeds_and_examples"),
        ("statistics/bootstrap.py", "((drawn - value) ** 2).mean()", "drawn.var()", "test_judge.py::test_of_one_seed_the_interval_is_over_examples"),
        ("statistics/bootstrap.py", ", confidence).cut(*bounds)", ", confidence)", "test_judge.py::test_of_one_seed_the_interval_is_over_examples"),
        ("datasets/_scores.py", "if name != positive), positive)", "if name != positive), classes[-1])", "test_judge.py"),
        ("datasets/_scores.py", "- special.logit(limit)", "+ special.logit(limit)", "test_judge.py"),
        ("datasets/_scores.py", "if len(own) or split != \"val\"", "if len(own) or split == \"val\"", "test_judge.py"),
        ("datasets/_scores.py", "return None if len(own) == len(theirs) else both", "return None", "test_judge.py"),
        ("given.py", "splits=1 if reading.shared else seeds", "splits=1", "test_judge.py"),
        ("statistics/bootstrap.py", "- covariance.trace()", "", "test_verdict.py::test_wide_intervals_are_of_the_metric_and_hold_the_spread_of_seeds_and_examples"),
        ("trial.py", "self.dataset.seed + place", "place", "test_study.py::test_seeds_go_round_the_splits_of_the_data"),
        ("config.py", "{**values, \"fixed\": True}", "{**values, \"fixed\": False}", "test_api.py"),
        ("config.py", "return SCALE if wanted is None else wanted", "return SCALE", "test_api.py"),
        ("api.py", "1 if frames.is_divided(own) else values[\"seeds\"]", "1", "test_frames.py"),
        ("frames.py", "\"split\" in values or", "", "test_frames.py"),
        ("model.py", "* self.about.unit + self.about.zero", "* self.about.unit", "test_model.py"),
        ("model.py", "close = CLOSE if", "close = 1e9 if", "test_model.py"),
        ("datasets/_cells.py", "numbers.get(_number(v), v)", "v", "test_model.py"),
        ("frames.py", "values > MOST_CLASSES and", "values > MOST_CLASSES or", "test_frames.py"),
        ("frames.py", ".replace_schema_metadata(None)", "", "test_frames.py"),
        ("api.py", "(lambda line: None) if quiet else tell", "tell", "test_api.py"),
        ("results.py", "values.index % splits", "values.index // splits", "test_report.py::test_with_splits_of_the_data_these_are_the_unit"),
        ("results.py", "fresh.get(pair, trial)", "trial", "test_study.py::test_a_search_s_winner_is_run_on_fresh_seeds_which_alone_are_reported"),
        ("foresight.py", "detectable(units, spread, LEVEL / family)", "detectable(units, spread, LEVEL)", "test_study.py::test_plan_tells_by_a_pilot_s_spread_what_the_seeds_will_find"),
        ("trial.py", "replica(measured[id(model.stage)]", "replica(measured[id(models[0].stage)]", "test_records.py"),
        ("launch/search.py", "gravity(doubts.get(key, ()))", "0", "test_search.py"),
        ("launch/samplers.py", "not (score.grave and", "not (False and", "test_search.py"),
        ("launch/samplers.py", "if len(objectives) > 1:", "if False:", "test_search.py"),
        ("launch/samplers.py", "if \"seed\" not in", "if \"seed\" in", "test_search.py"),
        ("launch/replay.py", "sorted(choice.ends)[number]", "choice.ends[number]", "test_replay.py"),
        ("launch/replay.py", "tried |= dict.fromkeys(batch)", "tried = dict.fromkeys(batch)", "test_replay.py"),
        ("report/replays.py", ".fillna(whole)", ".dropna()", "test_replay.py"),
        ("report/replays.py", "(whole + 1) / (count + 1)", "whole / count", "test_replay.py"),
        ("landscape.py", "tell_apart(values[:, places]", "tell_apart(values[:1, places]", "test_replay.py"),
        ("launch/tracking.py", "error.error_code == EXISTS", "False", "test_mirror_faults.py"),
        ("launch/tracking.py", ".tags.get(DRIVER) != self.driver", ".tags.get(DRIVER) == None", "test_mirror_faults.py"),
        ("launch/tracking.py", "before != self.driver and not is_gone(before)", "False", "test_mirror_faults.py"),
        ("launch/tracking.py", "return os.access(path.parent, os.W_OK)", "return True", "test_mirror_faults.py"),
        ("launch/progress.py", "min(len(self.waiting), TOGETHER)", "len(self.waiting)", "test_progress.py"),
        ("launch/progress.py", "_describe(happened, next(found))", "_describe(happened, \"\")", "test_progress.py"),
        ("secrecy.py", "(?!\\d+/)", "", "test_security.py::test_what_a_url_knows_is_hidden"),
        ("contrast.py", "if key in theirs]", "]", "test_verdict.py::test_two_studies_differ_beyond_noise_where_holm_s_p_says_so"),
        ("matrices.py", "np.bincount(cell, right) / np.bincount(cell)", "np.bincount(cell, right)", "test_trust.py"),
        ("resampling.py", "every @ counts / counts.sum()", "every.mean(1) * counts.mean()", "test_trust.py"),
        ("report/attack_verdict.py", "and arm not in doubtful}", "}", "test_attack_report.py"),
        ("report/unlearning.py", "if lost.mean < -GUARD", "if lost.mean > GUARD", "test_report.py::test_a_correction_wins_back_what_an_artefact_takes_or_is_none"),
        ("contrast.py", "(theirs - ours)[seeds]", "(ours - theirs)[seeds]", "test_verdict.py::test_two_studies_differ_beyond_noise_where_holm_s_p_says_so"),
        ("statistics/ranking.py", "rankdata(-scores", "rankdata(scores", "test_verdict.py::test_ranks_are_tested_as_friedman_and_nemenyi_did"),
        ("statistics/ranking.py", "size=(draws, *scores.shape)", "size=(draws, 1, scores.shape[1])", "test_verdict.py::test_the_middle_half_and_the_profile_are_of_all_runs_and_seeds_are_drawn_task_by_task"),
        ("statistics/intervals.py", "> ROUNDING * np.abs(sample).max()", "> 0", "test_statistics.py"),
        ("report/_grid.py", "sign = find(metric).sign", "sign = -find(metric).sign", "test_report.py::test_the_best_cell_is_chosen_on_validation_data_and_judged_on_test_data"),
        ("report/_grid.py", "(rows[\"split\"] == \"val\") & choice", "(rows[\"split\"] == \"test\") & choice", "test_report.py::test_the_best_cell_is_chosen_on_validation_data_and_judged_on_test_data"),
        ("report/table.py", "len(tasks) >= FEWEST", "len(tasks) > FEWEST", "test_report.py::test_the_average_is_over_tasks_and_then_over_seeds"),
        ("report/table.py", ', "deviation")', ")", "test_report.py::test_a_printed_deviation_stands_behind_its_value"),
        ("report/table.py", "if len(printed) == len(tasks) else None", "if printed else None", "test_report.py::test_the_average_is_over_tasks_and_then_over_seeds"),
        ("report/pareto.py", "sign * values[\"val\"][metric]", "sign * values[\"test\"][metric]", "test_report.py::test_the_front_is_of_validation_means_and_tells_test_values"),
        ("report/pareto.py", "find(metric).sign * values", "-find(metric).sign * values", "test_report.py::test_the_front_is_of_validation_means_and_tells_test_values"),
        ("report/_drawing.py", "if \"font\" in style else", "if False else", "test_page.py::test_a_drawing_has_the_page_s_colours_but_letters_on_cells_keep_theirs"),
        ("report/_grid.py", "if not is_apart", "if is_apart", "test_page.py::test_a_cell_is_hatched_where_tests_do_not_tell_it_from_the_best"),
        ("report/_opening.py", "* results.study.launch.threads", "", "test_page.py::test_a_page_opens_with_what_was_found_how_sure_it_is_and_what_it_cost"),
        ("report/_opening.py", "best = max(", "best = min(", "test_page.py::test_without_an_answer_the_best_is_named_and_that_nothing_tests_it"),
        ("launch/needs.py", "max(0, search.points - len(trials))", "0", "test_needs.py"),
        ("launch/needs.py", "dict.fromkeys(first, study.confirm)", "dict.fromkeys(first, 0)", "test_needs.py"),
        ("launch/needs.py", "effort.passes * forward[network] + effort.flops", "effort.passes + effort.flops", "test_needs.py"),
        ("attacks/_effort.py", "3 if x.requires_grad else 1", "1", "test_needs.py"),
        ("methods/online_adversarial.py", "training.epochs * (1 + self.T1) * len", "training.epochs * self.T1 * len", "test_needs.py"),
        ("statistics/dominance.py", "np.diff(values, axis=-1) > 0", "np.diff(values, axis=-1) >= 0", "test_statistics.py"),
        ("statistics/dominance.py", "-1 / b.shape[-1]", "0", "test_statistics.py"),
        ("report/dominance.py", "pair.more if less else pair.less", "pair.less if less else pair.more", "test_attack_report.py"),
        ("report/dominance.py", "lead(*of), lead(*of[::-1])", "lead(*of[::-1]), lead(*of)", "test_attack_report.py"),
        ("launch/needs.py", "if uid not in known}", "}", "test_needs.py"),
        ("report/_answers.py", "change.half * sqrt(change.n)", "change.half", "test_answers.py"),
        ("report/_answers.py", "any(change.n < 2", "any(change.n < 1", "test_answers.py"),
        ("report/pareto.py", "if min(gain.mean for gain in gains) < 0", "if max(gain.mean for gain in gains) < 0", "test_answers.py"),
        ("report/sweep.py", "told[0], max(changes)", "told[-1], max(changes)", "test_answers.py"),
        ("report/_tables.py", "if entry.uid else value", "if not entry.uid else value", "test_page.py::test_a_number_leads_to_its_trial_and_is_read_as_itself"),
        ("results.py", "headline(records).query(\"split == 'test'\")", "headline(records).query(\"split == 'val'\")", "test_report.py::test_the_best_cell_is_chosen_on_validation_data_and_judged_on_test_data"),
        ("defences.py", ".round() * r).clamp(max=255)", ".round() * r).clamp(max=256)", "test_defences.py"),
        ("defences.py", "quality=quality)", "quality=75)", "test_defences.py"),
    )
]  # fmt: skip


@contextmanager
def copy() -> Iterator[Path]:
    """The project in a folder that may be broken."""
    with tempfile.TemporaryDirectory() as name:
        for part in COPIED:
            source, target = ROOT / part, Path(name) / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.png", "*.jpg"))
            else:
                shutil.copy(source, target)
        yield Path(name)


def check(mutants: list[Mutant]) -> None:
    """Stop where the table no longer fits the code: what is not changed is not tested."""
    for mutant in mutants:
        if (count := (ROOT / "fairray" / mutant.file).read_text().count(mutant.old)) != 1:
            raise SystemExit(f"{mutant.file}: {mutant.old!r} stands there {count} times, once was expected")
        for name in mutant.tests.split():
            if not (ROOT / "tests" / name.split("::")[0]).is_file():
                raise SystemExit(f"{mutant.file}: there is no tests/{name}")


def fail(tests: Sequence[str], folder: Path, forks: Forks, seconds: int) -> bool:
    """Whether one of the tests fails, or cannot be read, or runs on."""
    files = [f"tests/{name}" for name in tests]
    if not files:  # of which pytest would make all
        return False
    arguments = ["-x", "-q", "-p", "no:cacheprovider", "-W", EARLY, "-m", "not slow", *files]
    code = forks(PYTEST, seconds, *arguments, folder=folder, check=False).returncode
    if code < 0:  # which says nothing of the mutant
        raise SystemExit(f"{' '.join(files)}: somebody ended the tests, by signal {-code}.")
    return code not in (0, 5)  # 5: every test there is slow


def caught(mutant: Mutant, folder: Path, forks: Forks) -> bool:
    """Whether the tests fail on the mutant."""
    path = folder / "fairray" / mutant.file
    right = path.read_text()
    path.write_text(right.replace(mutant.old, mutant.new))
    try:
        return fail(mutant.tests.split(), folder, forks, SECONDS)
    finally:
        path.write_text(right)


def main() -> int:
    wanted = [mutant for mutant in MUTANTS if not sys.argv[1:] or sys.argv[1] in mutant.file]
    if not wanted:
        raise SystemExit(f"No file with a mutant has {sys.argv[1]} in its name.")
    check(wanted)
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
    for name in IMPORTED:
        import_module(name)
    files = sorted({name for mutant in wanted for name in mutant.tests.split()})
    with copy() as one, copy() as other, ThreadPoolExecutor(WORKERS) as pool:
        places = [(folder, Forks()) for folder in (one, other)]
        free: Queue[tuple[Path, Forks]] = Queue()
        for place in places:
            free.put(place)

        def judge(mutant: Mutant) -> bool:
            place = free.get()
            try:
                found = caught(mutant, *place)
            finally:
                free.put(place)
            print(f"{'caught' if found else 'LIVED '}  {mutant.file}: {mutant.old} -> {mutant.new}", flush=True)
            return found

        halves = [pool.submit(fail, files[i::2], *place, UNHARMED) for i, place in enumerate(places)]
        if True in {half.result() for half in halves}:  # then a failure would say nothing of a mutant
            raise SystemExit("The tests do not pass on the code as it is.")
        found = list(pool.map(judge, wanted))
        for _, forks in places:
            forks.close()
    print(f"{sum(found)} of {len(found)} are caught")
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
