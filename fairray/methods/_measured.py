"""What adversarial images of one shard look like, and fool; then all shards together."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fairray.attacks import Model
from fairray.costs import CostField, between, measure_of
from fairray.costs.ssim import Ssim
from fairray.data import EVALUATED, Tensors
from fairray.defences import bit_depth, jpeg
from fairray.measures import NUMBER, SUM, Measure
from fairray.methods._attacked import (
    Attacked,
    Victim,
    as_bytes,
    batches,
    pictures,
    predicted,
)
from fairray.records import join, rows
from fairray.saliency import Saliency, SaliencyField
from fairray.stages import Artifact, Setting, Step
from fairray.training.stage import TrainStage

Values = dict[str, Tensor]
SALIENCY = ("l1", "l2", "linf", "ssim")
DISTANCES = (("l1", "L1", SUM), ("l2", "L2", SUM), ("linf", "L∞", NUMBER))
ON_IMAGES = (
    Measure("success"),
    Measure("judged", "still read right"),
    *(Measure(name, title, unit, "low") for name, title, unit in DISTANCES),
    *(Measure(f"saliency_{name}", f"saliency {title}", unit, "low") for name, title, unit in DISTANCES),
    Measure("saliency_ssim", "saliency 1 - SSIM", NUMBER, "low"),
)


@dataclass(frozen=True, kw_only=True)
class Measured(Step):
    """Success and distances of each image of a shard that was attacked.

    Records, a row for each image and measure: success (whether the classifier no longer reads the label), l1, l2 and
    linf of the difference in [0, 1], the perceptual costs by their names, saliency_l1, saliency_l2, saliency_linf and
    saliency_ssim between maps of the two images, and judged (whether the judge reads the label). Under a defence such
    as "jpeg 90" or "depth 3": success where the adversarial image is defended, accuracy where the clean one is.
    """

    attacked: Attacked
    model: TrainStage | None
    judge: TrainStage | None
    costs: tuple[CostField, ...]
    saliency: SaliencyField | None
    jpeg: tuple[int, ...]
    depths: tuple[int, ...]

    def compute(self, setting, seed, before):
        victim, tables = self.attacked.victim, [before["attacked"].records]
        model = victim.model(self.model, setting, before.get("model", Artifact()))
        judge = victim.model(self.judge, setting, before["judge"]) if self.judge else None
        for split in EVALUATED:
            ids = setting.dataset.split(split)["id"]
            for part in batches(setting.dataset, split, before["attacked"].tensors, self.attacked.batch):
                sample = ids[part["row"]].numpy()
                for defence, values in self._values(part, setting, victim, model, judge):
                    host = {name: value.cpu() for name, value in values.items()}
                    tables.append(rows(host, split=split, sample=sample, defence=defence))
        return Artifact({}, join(tables))

    @torch.no_grad()
    def _values(
        self, part: Tensors, setting: Setting, victim: Victim, model: Model, judge: Model | None
    ) -> Iterator[tuple[str | None, Values]]:
        clean, x = (victim.images(part[key], setting) for key in ("x", "attacked"))
        y = part["y"].to(x.device)
        judged = {"judged": predicted(judge, x) == y} if judge else {}
        looks = {measure_of(cost).name: between(cost, clean, x) for cost in self.costs}
        yield None, {"success": predicted(model, x) != y, **norms(x - clean), **looks, **judged, **self._seen(clean, x)}
        for defence, defended in self._defended(as_bytes(clean), part["attacked"]):
            clean, x = (victim.images(images, setting) for images in defended)
            yield defence, {"success": predicted(model, x) != y, "accuracy": predicted(model, clean) == y}

    def _seen(self, clean: Tensor, x: Tensor) -> Values:
        """How far the saliency maps are apart."""
        if self.saliency is None:
            return {}
        before, after = (self.saliency(images)[:, None] for images in (clean, x))
        apart = {**norms(after - before), "ssim": between(Ssim(), before, after)}
        return {f"saliency_{name}": apart[name] for name in SALIENCY}

    def _defended(self, clean: Tensor, attacked: Tensor) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
        for quality in self.jpeg:
            yield f"jpeg {quality}", (jpeg(clean, quality), jpeg(attacked, quality))
        for depth in self.depths:
            yield f"depth {depth}", (bit_depth(clean, depth), bit_depth(attacked, depth))


@dataclass(frozen=True, kw_only=True)
class Summary(Step):
    """The means of all shards' records, and some pictures.

    Tensors, of some attacked test images, evenly spaced: gallery/id, gallery/label, gallery/predicted, gallery/x and
    gallery/attacked as bytes, gallery/saliency and gallery/saliency_attacked as bytes with axes (image, height, width).
    """

    model: TrainStage | None
    measured: tuple[Measured, ...]
    attacked: tuple[Attacked, ...]
    gallery: int

    brief = True

    @property
    def measures(self) -> tuple[Measure, ...]:  # type: ignore[override]
        return (*ON_IMAGES, *map(measure_of, self.measured[0].costs))

    def compute(self, setting, seed, before):
        every = join(before[f"measured.{i}"].records for i in range(len(self.measured)))
        means = every.groupby(["metric", "split", "defence"], dropna=False, sort=False)["value"].mean().reset_index()
        return Artifact(self._pictures(setting, before), join([means]))

    @torch.no_grad()
    def _pictures(self, setting: Setting, before: dict[str, Artifact]) -> Tensors:
        tensors = [before[f"attacked.{i}"].tensors for i in range(len(self.attacked))]
        own, attacked = (torch.cat([t[f"test/{name}"] for t in tensors]) for name in ("row", "attacked"))
        order = own.argsort()
        first = order[torch.linspace(0, len(order) - 1, min(self.gallery, len(order))).long()]  # they may be sorted
        own, attacked, test, victim = own[first], attacked[first], setting.dataset.test, self.attacked[0].victim
        if not len(own):
            return {}
        model = victim.model(self.model, setting, before.get("model", Artifact()))
        clean, x = victim.images(pictures(setting.dataset, "test", own), setting), victim.images(attacked, setting)
        found = {
            "id": test["id"][own],
            "label": test["y"][own],
            "predicted": predicted(model, x).cpu(),
            "x": as_bytes(clean),
            "attacked": attacked,
            **self._maps(self.measured[0].saliency, clean, x),
        }
        return {f"gallery/{name}": tensor for name, tensor in found.items()}

    def _maps(self, saliency: Saliency | None, clean: Tensor, x: Tensor) -> Tensors:
        if saliency is None:
            return {}
        return {"saliency": as_bytes(saliency(clean)), "saliency_attacked": as_bytes(saliency(x))}


def norms(difference: Tensor) -> Values:
    """L1, L2 and L-infinity of each image; axis 0 the image."""
    flat = difference.flatten(1)
    return {"l1": flat.abs().sum(1), "l2": flat.norm(dim=1), "linf": flat.abs().amax(1)}
