"""The trained network of a trial as a torch module of its own: it predicts from new rows, and is kept in one file."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from fairray import members
from fairray.data import Column
from fairray.datasets._cells import list_values, match_values, read_numbers
from fairray.datasets._tabular import encode
from fairray.errors import BadInput, unknown
from fairray.evaluation import Evaluation
from fairray.frames import read_frame
from fairray.stages import Artifact, Numerics
from fairray.training.objective import autocast, laid_out, under
from fairray.training.streams import cast
from fairray.trial import Trial

__all__ = ["About", "Model", "take_model"]

CHUNK = 1024  # examples that are predicted at once
CLOSE = 1e-4  # of logits that are added up in another order; products in bfloat16 have three digits


@dataclass(frozen=True, kw_only=True)
class About:
    """What a model is, as values that travel.

    network: the member. shape: of one input. classes: without any it predicts a number, of which 1 is `unit` and 0 is
    `zero`. columns, missing: how the rows of a table become inputs.
    """

    network: Mapping[str, Any]
    shape: tuple[int, ...]
    target: str
    classes: tuple[str, ...]
    unit: float = 1.0
    zero: float = 0.0
    columns: tuple[Column, ...] = ()
    missing: tuple[str | bool | int | float, ...] = ()
    numerics: Numerics = field(default_factory=Numerics)


class Model(nn.Module):
    """A network with what is needed to predict from rows as they are."""

    def __init__(self, about: About):
        super().__init__()
        self.about = about
        with torch.random.fork_rng(devices=[]):  # what it draws here is replaced
            self.network = members.build("networks", about.network).build(about.shape, len(about.classes) or 1)
        self.to(about.numerics.precision).eval()

    def forward(self, x: Tensor) -> Tensor:
        """Logits with axes (example, class), or (example, 1) for a number. x: inputs as the data set has them."""
        x = laid_out(cast({"x": x}, self.about.numerics)["x"])
        with autocast(self.about.numerics):
            logits = self.network(x)
        return cast({"logits": logits}, self.about.numerics)["logits"]

    @torch.no_grad()
    def predict(self, rows: Any) -> pd.DataFrame:
        """What is predicted of each row, and how probable each class is; a number is in the target's own unit.

        rows: a frame of pandas, polars or arrow with the columns of training, in any order, or inputs as the data set
        has them, such as bytes of images with axes (example, 3, height, width). Raises BadInput where they are neither.
        """
        x = rows if isinstance(rows, Tensor) else torch.as_tensor(self._encode(rows))
        if tuple(x.shape[1:]) != self.about.shape:
            problem = f"they have the shape {tuple(x.shape)}, and each was {self.about.shape} in training"
            raise BadInput("rows", problem, "give a table, or inputs as the data set has them")
        logits = torch.cat([self(part) for part in x.split(CHUNK)])
        index = rows.index if isinstance(rows, pd.DataFrame) else None
        if not self.about.classes:
            values = logits[:, 0].double().numpy() * self.about.unit + self.about.zero
            return pd.DataFrame({self.about.target: values}, index)
        shares = torch.softmax(logits.double(), -1).numpy()
        classes = np.array(self.about.classes, object)[logits.argmax(-1).numpy()]
        said = {self.about.target: classes, **dict(zip(self.about.classes, shares.T, strict=True))}
        return pd.DataFrame(said, index)

    def save(self, path: str | Path) -> Path:
        """Write parameters and what else it is to one safetensors file; nothing is pickled."""
        said = json.dumps(asdict(self.about))
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, path, {"fairray": said})
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> "Model":
        """The model of a file that `save` has written. Raises BadInput where it is none."""
        try:
            with safe_open(path, "pt") as file:
                said = json.loads((file.metadata() or {})["fairray"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        except (OSError, SafetensorError, KeyError) as error:
            raise BadInput(str(path), f"it is no model: {error}", "give a file that save() has written") from error
        model = cls(members.checked(About, said))
        model.load_state_dict(tensors)
        return model

    def _encode(self, rows: Any) -> np.ndarray:
        if not self.about.columns:
            return np.asarray(rows)
        table = read_frame(rows)
        for column in self.about.columns:
            if column.name not in table.column_names:
                raise unknown("rows", "column", column.name, table.column_names)
        return encode(
            pd.DataFrame({c.name: self._read(table[c.name], c) for c in self.about.columns}), self.about.columns
        )

    def _read(self, cells: pa.ChunkedArray, column: Column) -> pd.Series:
        """Cells as a data set reads them, as what they were in training."""
        if column.kind == "category":
            return match_values(list_values(cells, self.about.missing), column.levels)
        if cells.null_count == len(cells):
            return pd.Series(np.full(len(cells), np.nan))
        if (found := read_numbers(cells, self.about.missing)) is None:
            raise BadInput(f"rows ({column.name})", "it holds non-numeric values", "let it be numbers, as in training")
        return pd.Series(found.values)


def take_model(trial: Trial, seed: int, read: Callable[[str], Artifact]) -> Model:
    """The trained network of one of a trial's seeds. read: gives what is stored, by uid.

    Raises BadInput where the trial ends in something else, or its network alone does not predict what was stored.
    """
    found = next((replica for replica in trial.replicas if replica.seed == seed), None)
    if found is None:
        raise unknown("seed", "seed", seed, map(str, trial.seeds))
    no_network = BadInput(trial.arm, "what it ends in is not one network that predicts", "choose another method")
    if not isinstance(found.stage, Evaluation):
        raise no_network
    data, setting, tensors = found.setting.dataset, found.setting, read(found.parents["model"].uid).tensors
    about = About(
        network=members.plain(setting.network),
        shape=data.shape,
        target=data.target,
        classes=data.classes,
        unit=data.unit,
        zero=data.zero,
        columns=data.columns,
        missing=getattr(trial.dataset, "missing", ()),
        numerics=Numerics(dtype=setting.numerics.dtype),
    )
    try:
        model = Model(about)
        model.network.load_state_dict(under("model/main.", tensors))
    except RuntimeError as error:  # torch's, for parameters that are others
        raise no_network from error
    x, stored = data.shown({"x": data.test["x"]})["x"], tensors["test/logits"]
    close = CLOSE if setting.numerics.dtype != "bfloat16" else 100 * CLOSE
    with torch.no_grad():
        if not torch.allclose(torch.cat([model(part) for part in x.split(CHUNK)]).to(stored), stored, close, close):
            raise no_network
    return model
