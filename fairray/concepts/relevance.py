"""How much of a decision rests on an artefact, by layer-wise relevance propagation (LRP).

Source: Dreyer et al. (AAAI 2024), A.7, with the composite EpsilonPlusFlat: the flat rule in the first layer, z+ in
convolutions, epsilon in dense layers. zennit computes it.
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from fairray.errors import BadInput
from fairray.networks import Network
from fairray.networks._pretrained import Normalised
from fairray.networks._torchvision import imported
from fairray.networks.resnet18 import Unrectified

__all__ = ["relevance", "relevance_inside", "unruled"]


def relevance_inside(model: nn.Module, x: Tensor, masks: Tensor, classes: Tensor) -> Tensor:
    """R = sum_j |R_j M_j| / sum_j |R_j| over pixels j, of each image, (n,), from 0 to 1; nan without any relevance.

    model, x, classes: as in `relevance`. masks: (n, h, w), 1 or True where the artefact is.
    """
    R = relevance(model, x, classes).abs()
    return (R * masks).sum((1, 2)) / R.sum((1, 2))


def relevance(model: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    """The relevance R_j of pixels, (n, h, w), summed over channels, for the logit of a class, which begins with 1.

    model: of convolutions, dense layers, activations, poolings and batch normalisation right behind a convolution, in
    sequences or in the residual blocks of torchvision's ResNets; in evaluation mode whatever it was in, and left as it
    is. Raises BadInput for others: transformers, DenseNets, Inceptions and EfficientNets have sums, products or
    normalisation that no rule is known for here; a module of one's own says that it only calls such ones by
    `passes_relevance`. x: images (n, channel, h, w), in floats as the model reads them, which for
    a `Network` are bytes / 127.5 - 1. classes: (n,), whose logit it is.
    """
    zennit = imported("zennit.torchvision")  # imports torchvision
    from zennit.attribution import Gradient
    from zennit.canonizers import AttributeCanonizer
    from zennit.composites import EpsilonPlusFlat
    from zennit.rules import Pass

    if name := unruled(model):
        problem = f"relevance cannot be propagated through {name}"
        raise BadInput("network", problem, "choose a network such as resnet18, vgg16 or small_cnn")
    canonizers = [zennit.ResNetCanonizer(), AttributeCanonizer(_sum_by_module)]
    composite = EpsilonPlusFlat(layer_map=[(Normalised, Pass())], canonizers=canonizers)
    # a copy: the canonizer merges normalisation into weights
    with Gradient(deepcopy(model).eval(), composite) as attribute:
        _, R = attribute(x, lambda logits: torch.zeros_like(logits).scatter(1, classes[:, None], 1))
    return R.detach().sum(1)


def _sum_by_module(name: str, module: nn.Module) -> dict[str, Any] | None:
    """What an unrectified block is given, so that a rule is applied where it adds."""
    from zennit.layer import Sum

    if not isinstance(module, Unrectified):
        return None
    total = Sum()
    return {"total": total, "add": lambda *both: total(torch.stack(both, dim=-1))}


def unruled(model: nn.Module) -> str:
    """The kind of a module through which relevance would go by the plain gradient, which is no rule; or nothing.

    The model may be on the meta device.
    """
    from zennit import types

    resnet, vgg = imported("torchvision.models.resnet"), imported("torchvision.models.vgg")
    blocks = (resnet.BasicBlock, resnet.Bottleneck, Unrectified)
    known = (Network, resnet.ResNet, *blocks, vgg.VGG, Normalised, nn.Flatten, nn.Identity)
    ruled = (types.Linear, types.Activation, types.BatchNorm, types.AvgPool, types.MaxPool, nn.Dropout)
    for module in model.modules():
        sequence = type(module).forward is nn.Sequential.forward
        known_as_is = sequence or getattr(module, "passes_relevance", False) or isinstance(module, known + ruled)
        if not known_as_is or isinstance(module, nn.MultiheadAttention):
            return type(module).__name__
    return ""
