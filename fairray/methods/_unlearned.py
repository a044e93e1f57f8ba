"""How much a corrected model still heeds a concept, and what the correction cost."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score, roc_auc_score
from torch import Tensor, nn

from fairray.concepts.pooling import pool
from fairray.concepts.probe import probe_auroc
from fairray.concepts.relevance import relevance_inside, unruled
from fairray.concepts.sensitivity import sensitivity, tcav
from fairray.data import EVALUATED, Tensors
from fairray.errors import BadInput
from fairray.measures import NUMBER, Measure
from fairray.methods._clarc import PAIRED, Activations, Cav, Continued, all_inputs, attacked_class
from fairray.methods.standard import Standard
from fairray.records import join, rows
from fairray.stages import Artifact, Setting, Step
from fairray.training.objective import Objective, in_parts, parameters, trained
from fairray.training.streams import cast

COLLAPSED = 0.95  # share of the predictions that are of one class, from which on a model has collapsed
RELEVANCE_IMAGES = 64  # LRP is slow, and a mean over so many is near enough

TITLES = {
    "clean": "without the artefact",
    "attacked": "with the artefact everywhere",
    "drawn": "with the artefact as in training",
}
SCORES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "auc": "AUC",
    "class_accuracy": "accuracy by class",
    "class_f1": "F1 by class",
    "class_auc": "AUC by class",
}


@dataclass(frozen=True, kw_only=True)
class Unlearned(Step):
    """What a corrected model makes of images without the artefact, and with it in every image.

    Records: drawn_ accuracy, macro_f1, auc (each class against the others) and by label class_accuracy, class_f1 and
    class_auc, of the images as they are; collapsed, whether nearly all predictions are of one class; lam_printed and
    lam_ratio of a penalty. Where the data have pairs, also: the same clean_ and attacked_; tcav, the share of images
    with the artefact for which the attacked class's logit rises along the concept (.5 is ideal), and tcav_sensitivity,
    how steeply; relevance, the share of LRP's relevance that lies in the artefact's mask; lost, by how much the clean
    accuracy is below the biased model's; probe_activations and probe_logits, the AUROC of a linear probe that reads the
    artefact from what the layers behind are given, and from the logits.
    """

    measures = (
        *(
            Measure(f"{kind}_{name}", f"{said} {title}")
            for kind, title in TITLES.items()
            for name, said in SCORES.items()
        ),
        Measure("tcav", "TCAV", NUMBER, "low"),
        Measure("tcav_sensitivity", "TCAV sensitivity", NUMBER, "low"),
        Measure("relevance", "relevance inside the mask", best="low"),
        Measure("probe_activations", "probe of the artefact on activations", best="low"),
        Measure("probe_logits", "probe of the artefact on logits", best="low"),
        Measure("collapsed", best="low", alarm="it predicts one class"),
        Measure("lost", "accuracy lost without the artefact", best="low", bounds=(-1.0, 1.0)),
        Measure("lam_printed", "lambda as printed", NUMBER, "low"),
        Measure("lam_ratio", "lambda in units of the gradients' ratio", NUMBER, "low"),
    )

    biased: Standard
    model: Continued
    activations: Activations | None
    cav: Cav
    lrp: bool | None

    def fits(self, setting):
        if not self.lrp or "mask" not in setting.dataset.test:
            return
        with torch.device("meta"):
            network = setting.network.build(setting.dataset.shape, setting.dataset.outputs)
        if name := unruled(network):
            problem = f"relevance cannot be propagated through {name}"
            raise BadInput("lrp", problem, "set lrp: false, or choose a network such as resnet18, vgg16 or small_cnn")

    def compute(self, setting, seed, before):
        bound, noted = trained(self.model, setting, before["model"]), self.model.note(parameters(before["model"]))
        tables = []
        for split in EVALUATED:
            view = Seen(self, setting, split, bound, before)
            values = {**view.judge(), **view.probe(), **view.heed(), **noted}
            tables += [rows(values, split=split), *view.by_class()]
        return Artifact({}, join(tables))


@dataclass(frozen=True)
class Seen:
    """One split, as a corrected model sees it."""

    step: Unlearned
    setting: Setting
    split: str
    bound: Objective
    before: dict[str, Artifact]

    @property
    def y(self) -> Tensor:
        return self.setting.dataset.split(self.split)["y"]

    @property
    def paired(self) -> bool:
        return PAIRED[0] in self.setting.dataset.split(self.split)

    def inputs(self, kind: str) -> Tensor:
        """What the model is given of the images of a kind: activations where it goes on from them."""
        found = self.before["activations"].tensors if self.step.activations else all_inputs(self.setting.dataset)
        return found[f"{self.split}/{kind}"]

    @cached_property
    def logits(self) -> dict[str, Tensor]:
        """Of the images as they are, and where there are pairs of both kinds."""

        @torch.no_grad()
        def predict(x: Tensor) -> Tensor:
            return self.bound({"x": x}, {}, {}, predict=True)[0]

        kinds = PAIRED if self.paired else ()
        pairs = {kind: in_parts(predict, self.setting, self.inputs(kind)) for kind in kinds}
        return {**pairs, "drawn": self.before["model"].tensors[f"{self.split}/logits"]}

    def judge(self) -> dict[str, float]:
        """Scores of each kind, whether the model has collapsed, and what it lost."""
        found: dict[str, float] = {}
        for kind, logits in self.logits.items():
            found |= {f"{kind}_{name}": value for name, value in score(logits, self.y).items()}
        if not self.paired:
            return {**found, "collapsed": collapse(self.logits["drawn"])}
        biased = trained(self.step.biased, self.setting, self.before["biased"])
        with torch.no_grad():
            clean = in_parts(biased.main, self.setting, self.setting.dataset.split(self.split)["clean"])
        lost = float((clean.argmax(-1) == self.y).double().mean()) - found["clean_accuracy"]
        return {**found, "collapsed": collapse(self.logits["clean"]), "lost": lost}

    def by_class(self):
        """Records of the scores of each class."""
        for kind, logits in self.logits.items():
            found = {f"{kind}_class_{name}": each for name, each in score_classes(logits, self.y).items()}
            yield rows(found, split=self.split, label=[*self.setting.dataset.classes])

    def corrected(self, x: Tensor) -> Tensor:
        """What the layers behind are given, pooled by the maximum."""
        model, nets = self.step.model, self.bound.nets
        return pool(model.correct(nets, model.look(nets, {"x": x})), "max")

    @torch.no_grad()
    def probe(self) -> dict[str, float]:
        """Probes that learn from every second image, and read the others; from both kinds of each."""
        if not self.paired:
            return {}
        activations = [in_parts(self.corrected, self.setting, self.inputs(kind)) for kind in PAIRED]
        read_from = {"probe_activations": activations, "probe_logits": [self.logits[kind] for kind in PAIRED]}
        return {name: read(pairs) for name, pairs in read_from.items() if torch.cat(pairs).isfinite().all()}

    def heed(self) -> dict[str, float]:
        """How far the attacked class's logit, and LRP's relevance, follow the artefact."""
        if not self.paired:
            return {}
        label, h = attacked_class(self.setting.dataset), self.before["cav"].tensors["h"]
        gradients = in_parts(lambda x: self.differentiate(x, label), self.setting, self.inputs("attacked"))
        values = {"tcav": tcav(gradients, h), "tcav_sensitivity": sensitivity(gradients, h)}
        if self.step.lrp is not False and "mask" in self.setting.dataset.split(self.split):
            values |= self.propagate()
        return {name: float(value) for name, value in values.items()}

    def propagate(self) -> Tensors:
        """The relevance inside the mask, where the network has rules for it."""
        whole = Whole(self.step.model, self.bound.nets)
        if unruled(whole):
            return {}
        data = self.setting.dataset.split(self.split)
        first = {name: data[name][:RELEVANCE_IMAGES] for name in ("attacked", "mask")}
        on_device = cast(
            first | {"classes": self.logits["attacked"][:RELEVANCE_IMAGES].argmax(-1)}, self.setting.numerics
        )
        x = self.bound.main.as_floats(on_device["attacked"])
        return {"relevance": relevance_inside(whole, x, on_device["mask"], on_device["classes"]).mean()}

    def differentiate(self, x: Tensor, label: int) -> Tensor:
        """The gradient of a class's logit with respect to the activations."""
        model, nets = self.step.model, self.bound.nets
        main: Any = nets["main"]
        with torch.no_grad():
            a = model.look(nets, {"x": x})
        a = a.detach().requires_grad_()
        logits = main.back(model.correct(nets, a), main.cut_at)
        return torch.autograd.grad(logits[:, label].sum(), a)[0]


class Whole(nn.Module):
    """A corrected model from images to logits. Relevance passes what the correction adds as if it were constant."""

    passes_relevance = True

    def __init__(self, stage: Continued, nets: nn.ModuleDict):
        super().__init__()
        self.main: Any = nets["main"]
        self.corrected = lambda a: stage.correct(nets, a)

    def forward(self, x: Tensor) -> Tensor:
        a = self.main.front(x, self.main.cut_at)
        return self.main.back(a + (self.corrected(a) - a).detach(), self.main.cut_at)


def score(logits: Tensor, y: Tensor) -> dict[str, float]:
    """Accuracy, macro F1, and the mean AUC of the classes, if each has one."""
    predicted, auc = logits.argmax(-1), class_auc(logits, y).mean()
    found = {
        "accuracy": float((predicted == y).double().mean()),
        "macro_f1": float(f1_score(y, predicted, average="macro", zero_division=0)),
    }
    return found | ({} if np.isnan(auc) else {"auc": float(auc)})


def score_classes(logits: Tensor, y: Tensor) -> dict[str, np.ndarray]:
    """Accuracy, F1 and AUC of each class; nan where there is none."""
    predicted, classes = logits.argmax(-1), range(logits.shape[1])
    hit = (predicted == y).double()
    return {
        "accuracy": np.array([hit[y == label].mean() for label in classes]),
        "f1": f1_score(y, predicted, labels=classes, average=None, zero_division=np.nan),
        "auc": class_auc(logits, y),
    }


def class_auc(logits: Tensor, y: Tensor) -> np.ndarray:
    """Of the probability of each class for its examples against all others; nan where it has none, or only these."""
    p, own = logits.double().softmax(-1).numpy(), F.one_hot(y, logits.shape[1]).numpy()
    found, known = np.full(p.shape[1], np.nan), (own.min(0) == 0) & (own.max(0) == 1)
    if known.any() and np.isfinite(p).all():  # too large a penalty can leave no numbers
        found[known] = roc_auc_score(own[:, known], p[:, known], average=None)
    return found


def collapse(logits: Tensor) -> float:
    """1 where nearly all predictions are of one class."""
    return float(logits.argmax(-1).bincount().max() >= COLLAPSED * len(logits))


def read(pairs: list[Tensor]) -> float:
    """The AUROC of a probe for the second of two kinds of the same images, learnt from every second image."""
    learnt, tested = (torch.cat([kind[first::2] for kind in pairs]) for first in (0, 1))
    kinds = [torch.arange(2).repeat_interleave(len(of) // 2) == 1 for of in (learnt, tested)]
    return probe_auroc(learnt, kinds[0], tested, kinds[1])
