"""Activations without an artefact: the two forms of projective and augmentative ClArC, and the reactive condition.

Source: Anders et al., Finding and Removing Clever Hans (2022); Dreyer et al. (AAAI 2024) for the shift; Bareeva et al.,
Reactive Model Correction (CVPR workshops 2024) for the projection and the condition. Both forms work on maps
(n, m, h, w) and on vectors (n, m), on which they are equal for one CAV and a maximum over one position.
"""

import torch
from torch import Tensor

from fairray.concepts.pooling import pool

__all__ = ["carries", "project", "shift"]


def shift(a: Tensor, h: Tensor, z: Tensor) -> Tensor:
    """a + gamma h at every position, gamma = (z - h . maxpool(a)) / (h . h): afterwards h . maxpool(a) is z.

    How activations differ along h from position to position is kept. h: (m,), of any length. z: what h . maxpool(a) is
    to be, one number: its mean over examples without the artefact (P-ClArC), or with it (A-ClArC).
    """
    gamma = (z - pool(a, "max") @ h) / (h @ h)
    return a + _to_maps(gamma[:, None] * h, a)


def project(a: Tensor, V: Tensor, z: Tensor, chosen: Tensor) -> Tensor:
    """a - W a + W z at every position p, W = V (V^T V)^-1 V^T: afterwards h . a_p = h . z for each chosen CAV h.

    How activations differ along these from position to position is erased. V: (m, k), the CAVs, which need not be
    orthogonal or of unit length; among equal ones, one counts. z: (m,), the mean of max-pooled activations without the
    artefacts. chosen: (n, k) bool, which CAVs are projected out of an example, all at once; none leaves it as it is.
    """
    directions = (V / V.norm(dim=0)) * chosen[:, None]  # (n, m, k), of zeros where it is not chosen
    gram = torch.linalg.pinv(directions.mT @ directions, hermitian=True)  # the inverse among those that are
    off = _to_maps(z[None], a) - a
    return a + (directions @ (gram @ (directions.mT @ off.reshape(*a.shape[:2], -1)))).reshape(a.shape)


def carries(a: Tensor, h: Tensor, threshold: Tensor | float = 0.0) -> Tensor:
    """Whether an example has an artefact: h . a > threshold, with h the SVM's CAV of that artefact.

    a: pooled activations, (n, m). h: (m,) gives (n,) bool; (m, k), of several artefacts, gives (n, k), with a threshold
    for all or for each, (k,). At 0 it is the SVM without an intercept; with one, b, the threshold is -b.
    """
    return a @ h > threshold


def _to_maps(vectors: Tensor, a: Tensor) -> Tensor:
    """Vectors (n, m) with as many axes as a has."""
    return vectors.reshape(*vectors.shape, *[1] * (a.ndim - 2))
