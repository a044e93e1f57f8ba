"""What the ClArC family shares: a biased model, a layer of it, the concept's vector there, and training behind it.

From Hope to Safety: Unlearning Biases of Deep Models via Gradient Penalization in Latent Space (Dreyer et al., AAAI
2024).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from fairray.artefacts import ArtefactField
from fairray.concepts.pooling import Pooling, pool
from fairray.concepts.vectors import FITTED, FOLDS, Kind, align, auroc, fit_cav, separability
from fairray.data import EVALUATED, Dataset, Tensors
from fairray.errors import BadInput, said_of
from fairray.measures import NUMBER, Measure
from fairray.methods.standard import Standard
from fairray.networks import Network
from fairray.records import join, rows
from fairray.stages import Artifact, Setting, Step
from fairray.training.objective import in_parts, laid_out, parameters, trained
from fairray.training.stage import TrainStage, View

Layer = str | None
Look = Callable[[Tensor], Tensor]
Trained = Literal["nothing", "head", "linear", "after"]
PAIRED = ("clean", "attacked")


def check_concept(dataset: Dataset, kind: Kind) -> None:
    """Raise BadInput where a data set has no artefact to be unlearnt, or not enough images without it or with it."""
    if not dataset.classes:
        raise BadInput("", "it is a regression", "choose a task with classes")
    if len(dataset.groups) != 2:
        problem = f"the concept is the second of two groups, and it has {len(dataset.groups)}"
        raise BadInput("", problem, "choose data with an artefact, such as stamped_digits, or two groups")
    label = attacked_class(dataset)
    groups = dataset.train["group"][dataset.train["y"] == label]
    n1, least = int(groups.sum()), fewest(kind)
    if min(n1, len(groups) - n1) < least:
        problem = f"of the training images of class {dataset.classes[label]}, {n1} have the concept and "
        problem += f"{len(groups) - n1} have not; {kind} needs {least} of each"
        raise BadInput("", problem, "give more images, or another share of those that carry it (p)")


def fewest(kind: Kind) -> int:
    """How many examples with the concept, and without it, a vector takes."""
    return FOLDS if kind in FITTED else 1


def attacked_class(dataset: Dataset) -> int:
    """The label with which the concept is found most often in training."""
    train = dataset.train
    return int(torch.bincount(train["y"][train["group"] == 1], minlength=len(dataset.classes)).argmax())


def cut(network: Network, layer: Layer, x: Tensor) -> str:
    """The layer's block, or where none is named the last that gives maps of more than a pixel (else the last of all).

    x: an input. Raises BadInput for a layer that the network lacks.
    """
    if layer is not None:
        return network.find_block(layer)
    found = [*network.blocks]
    a, last = network.as_floats(x), found[-1]
    for name, block in network.blocks.items():
        a = block(a)
        last = name if a.ndim == 4 and a.shape[-2:].numel() > 1 else last
    return last


def two(setting: Setting, network: Network) -> Tensor:
    """The first inputs, of which the shape of what a layer gives is seen."""
    x = setting.dataset.shown({"x": setting.dataset.train["x"][:2]})["x"]
    return x.to(next(network.parameters()))


@torch.no_grad()
def see(network: Network, layer: str, setting: Setting, x: Tensor) -> Tensor:
    """What a layer gives for inputs as the data set has them, on the host; axis 0 the example."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return in_parts(lambda part: network.front(laid_out(part), layer).contiguous(), setting, x)


@dataclass(frozen=True, kw_only=True)
class AtLayer(Step):
    """A step that looks at a layer of the biased model."""

    model: Standard
    layer: Layer

    def fits(self, setting):
        check_layer(self.layer, setting)

    def network(self, setting: Setting, artifact: Artifact) -> tuple[Network, str]:
        """The biased model, and the name of the layer."""
        main = trained(self.model, setting, artifact).main.requires_grad_(False)
        return main, cut(main, self.layer, two(setting, main))


def check_layer(layer: Layer, setting: Setting) -> None:
    """Raise BadInput for a layer that a network lacks; nothing is computed."""
    dataset = setting.dataset
    with said_of(""):
        # each stage of each arm asks, and a large network takes half a second
        key = type(setting.network), repr(setting.network), dataset.shape, dataset.outputs, layer
        if key not in _cuttable:
            with torch.device("meta"):
                network = setting.network.build(dataset.shape, dataset.outputs).eval()
                cut(network, layer, torch.empty(2, *dataset.shape))
            _cuttable.add(key)


_cuttable: set[tuple[Any, ...]] = set()


@dataclass(frozen=True, kw_only=True)
class Activations(AtLayer):
    """What the layer gives for every image, computed once for all corrections that leave it as it is.

    Tensors: train, val and test, and where the data have pairs val/clean, val/attacked, test/clean, test/attacked.
    """

    def compute(self, setting, seed, before):
        network, layer = self.network(setting, before["model"])
        found = {name: see(network, layer, setting, x) for name, x in all_inputs(setting.dataset).items()}
        return Artifact(found)


def all_inputs(dataset: Dataset) -> Tensors:
    """The inputs of every split, and of the evaluated splits those without and with the artefact."""
    splits = {name: dataset.split(name) for name in ("train", *EVALUATED)}
    pairs = {f"{name}/{kind}": splits[name][kind] for name in EVALUATED for kind in PAIRED if kind in splits[name]}
    return {name: split["x"] for name, split in splits.items()} | pairs


@dataclass(frozen=True, kw_only=True)
class Cav(AtLayer):
    """The concept activation vector: of the data's own artefact among the training images of the attacked class that
    the model reads correctly, or of another artefact, between these images without it and with it.

    Tensors: h (channel,), of unit length; clean and artefact (channel,), the mean activations without and with the
    concept, pooled by the maximum, as corrections take them however h was found. Records, if it is to be judged, of
    images of the attacked class that were not trained on: cav_auroc, how well it tells those with the concept from
    those without; and where the same images are known without and with it, how it lies to what the artefact truly
    changes, on average over images (alignment) and overall, and separability between them.
    """

    measures = (
        Measure("alignment", "alignment with each change", NUMBER),
        Measure("alignment_overall", "alignment with the mean change", NUMBER),
        Measure("cav_auroc", "AUROC of the CAV"),
        Measure("separability", "separability of pairs"),
    )

    kind: Kind
    pooling: Pooling
    artefact: ArtefactField | None = None
    judged: bool = False

    def compute(self, setting, seed, before):
        network, layer = self.network(setting, before["model"])

        def look(x: Tensor, pooling: Pooling = self.pooling) -> Tensor:
            return pool(see(network, layer, setting, x), pooling)

        label, train = attacked_class(setting.dataset), setting.dataset.train
        right = before["model"].tensors["train/logits"].argmax(-1) == label
        own = (train["y"] == label) & right
        self.check_examples(train["group"][own] == 1, setting.dataset.classes[label])
        a, concept = self.examples(train, own, look)
        h = fit_cav(a, concept, self.kind)
        if self.pooling != "max":
            a, _ = self.examples(train, own, partial(look, pooling="max"))
        tables = []
        for split in EVALUATED if self.judged else ():
            data = setting.dataset.split(split)
            values = self.judge(h, data, data["y"] == label, look)
            tables.append(rows(values, split=split))
        return Artifact({"h": h, "clean": a[~concept].mean(0), "artefact": a[concept].mean(0)}, join(tables))

    def check_examples(self, concept: Tensor, label: str) -> None:
        """Raise BadInput where too few images are left to find a vector. concept: of each, whether it has it."""
        n, n1 = len(concept), int(concept.sum())
        least = fewest(self.kind)
        if (n if self.artefact else min(n1, n - n1)) < least:
            problem = f"of the training images of class {label} that the biased model reads correctly, {n1} have the"
            problem += f" concept and {n - n1} have not; {self.kind} needs {least} of each"
            other = ", or set cav: signal" if self.kind in FITTED else ""
            raise BadInput("concept", problem, f"train the biased model longer, or give more images{other}")

    def examples(self, data: Tensors, own: Tensor, look: Look) -> tuple[Tensor, Tensor]:
        """Pooled activations of the chosen images, and which of them have the concept."""
        if self.artefact is None:
            return look(data["x"][own]), data["group"][own] == 1
        without, with_it = (look(x) for x in self.pairs(data, own))
        return _take_turns(without, with_it)

    def pairs(self, data: Tensors, own: Tensor) -> tuple[Tensor, ...]:
        """The chosen images without the artefact and with it, where both are known."""
        if self.artefact is not None:
            clean = data.get("clean", data["x"])[own]
            return clean, self.artefact(clean, data["id"][own])[0]
        return tuple(data[kind][own] for kind in PAIRED) if PAIRED[0] in data else ()

    def judge(self, h: Tensor, data: Tensors, own: Tensor, look: Look) -> dict[str, float]:
        """How good the vector is on these images."""
        if not own.any():
            return {}
        a, concept = self.examples(data, own, look)
        values = {"cav_auroc": auroc(h, a, concept)} if len(concept.unique()) == 2 else {}
        if pairs := self.pairs(data, own):
            without, with_it = (look(x) for x in pairs)
            each, overall = align(h, without, with_it)
            values |= {"alignment": float(each), "alignment_overall": float(overall)}
            values["separability"] = separability(h, without, with_it)
        return values


def _take_turns(without: Tensor, with_it: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of two tensors by turns, as folds that are cut from them need both; and which are of the second."""
    both = torch.stack([without, with_it], 1).flatten(0, 1)
    return both, torch.arange(2).repeat(len(without)) == 1


class Concept(nn.Module):
    """What a correction knows of k artefacts. h, detectors: axes (artefact, channel); clean, artefact: (channel,).

    label: the attacked class. unit: of a relative lambda, as printed.
    They are parameters that stay, so that the replicas of a stack have each their own.
    """

    def __init__(self, artefacts: int, channels: int):
        super().__init__()
        self.h, self.detectors = (nn.Parameter(torch.zeros(artefacts, channels)) for _ in range(2))
        self.clean, self.artefact = (nn.Parameter(torch.zeros(channels)) for _ in range(2))
        self.thresholds = nn.Parameter(torch.zeros(artefacts))
        self.label, self.unit = nn.Parameter(torch.zeros(())), nn.Parameter(torch.ones(()))


@dataclass(frozen=True, kw_only=True)
class Continued(TrainStage):
    """Training that goes on from the biased model, of what lies behind a layer, for the paper's ten epochs.

    activations: of that layer, so that what lies before it is not computed again; without them images are seen anew.
    trained: "linear" for the linear layers behind it, as the paper does; "after" for all that is behind it but batch
        normalisation, which keeps its statistics, since corrections are of each example by itself; or the "head" alone.
    All corrections draw alike, so that those of one seed are given the same batches.
    """

    stream: ClassVar[str] = "continued"

    own: ClassVar = {"epochs": 10, "steps": 0, "selection": "last"}

    model: Standard
    layer: Layer
    trained: Trained
    activations: Activations | None

    def fits(self, setting):
        check_layer(self.layer, setting)

    def build(self, setting):
        nets = super().build(setting)
        main: Any = nets["main"]
        with torch.no_grad():
            main.cut_at = cut(main.eval(), self.layer, two(setting, main))
        main.train()
        return nets

    def fixed(self, nets):
        moved = [module for block in self.behind(nets) for module in block.modules() if self.learns(module)]
        moving = {id(parameter) for module in moved for parameter in module.parameters(recurse=False)}
        return {name for name, parameter in nets.named_parameters() if id(parameter) not in moving}

    def behind(self, nets: nn.ModuleDict) -> list[nn.Module]:
        """The parts of the network in which something may learn."""
        main: Any = nets["main"]
        if self.trained in ("nothing", "head"):
            return [main.head] * (self.trained == "head")
        names = [*main.blocks]
        return [*(main.blocks[name] for name in names[names.index(main.cut_at) + 1 :]), main.head]

    def learns(self, module: nn.Module) -> bool:
        """Whether a module's own parameters move, if it is in such a part."""
        if self.trained == "linear":
            return isinstance(module, nn.Linear)
        return not isinstance(module, nn.modules.batchnorm._BatchNorm)

    def view(self, setting, generator, before):
        inputs = before["activations"].tensors if self.activations else {}
        every = torch.arange(len(setting.dataset.train["y"]))
        return View(every, start=parameters(before["model"]), inputs=inputs)

    def fresh_columns(self, size, dataset, generator):
        return {"signs": 2.0 * torch.randint(2, (size, dataset.outputs), generator=generator) - 1}

    def look(self, nets: nn.ModuleDict, batch: Tensors) -> Tensor:
        """The activations of a batch at the layer."""
        main: Any = nets["main"]
        return batch["x"] if self.activations else main.front(batch["x"], main.cut_at)

    def outputs(self, nets, batch):
        main: Any = nets["main"]
        a = self.look(nets, batch)
        return {"a": a, "logits": main.back(self.correct(nets, a), main.cut_at)}

    def correct(self, nets: nn.ModuleDict, a: Tensor) -> Tensor:
        """The activations that the layers behind are given."""
        return a

    def note(self, kept: Tensors) -> dict[str, float]:
        """What else is to be known of a model, by measure. kept: its parameters, by name."""
        return {}


@dataclass(frozen=True, kw_only=True)
class Corrected(Continued):
    """What goes on from the biased model and knows concepts of it."""

    cavs: tuple[Cav, ...]

    def build(self, setting):
        nets = super().build(setting)
        main: Any = nets["main"]
        with torch.no_grad():
            channels = main.eval().front(two(setting, main), main.cut_at).shape[1]
        main.train()
        nets["concept"] = Concept(len(self.cavs), channels)
        return nets

    def view(self, setting, generator, before):
        view = super().view(setting, generator, before)
        found = [before[f"cavs.{i}"].tensors for i in range(len(self.cavs))]
        known = {
            "h": torch.stack([one["h"] for one in found]),
            "clean": found[0]["clean"],
            "artefact": found[0]["artefact"],
            "label": torch.tensor(float(attacked_class(setting.dataset))),
        }
        view.start.update({f"concept.{name}": tensor for name, tensor in known.items()})
        return view
