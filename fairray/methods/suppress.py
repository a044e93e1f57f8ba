"""Keep a model from learning other tasks than its own (PreserveTask, section 4.2 and equation 1)."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le

from fairray.data import Dataset
from fairray.errors import BadInput
from fairray.methods._probed import ProbeSettings, check_tasks, unwanted
from fairray.methods.standard import Standard
from fairray.networks._maps import two_hidden
from fairray.training.objective import parameters
from fairray.training.reversal import reverse, schedule
from fairray.training.stage import TrainStage, View, encode_and_classify, error, weighted_mean

__all__ = ["Suppress"]

By = Literal["reversal", "negative", "added"]
Labels = Literal["known", "random"]
Schedule = Literal["dann", "constant"]


@dataclass(frozen=True, kw_only=True)
class Suppress(ProbeSettings):
    """Train for the target and against other tasks, then probe the features for every task.

    weight: lambda of equation 1, the weight of the target's loss; 1 - lambda is that of the others' sum.
    by: "reversal" lets each head learn its task and turns its gradient round where it enters the features; "negative"
        subtracts the heads' losses, as the equation is printed, so that the heads too learn to be wrong; "added" is
        the control: the same heads, whose gradient arrives unreversed.
    start: from scratch, or from the standard model, whose training is then shared with every arm.
    schedule: whether 1 - lambda is there from the start, or rises to itself as the strength of a reversal does in DANN.
    labels: of the suppressed tasks: known, or random ones, drawn anew for every batch.
    suppressed: which tasks; without any, the protected attribute, or all others where none is protected.
    classes: where nobody knows what to suppress (section 4, Figure 3c): a head on random labels for each of these
        numbers of classes, in the place of the heads of tasks. What has leaked is asked of the tasks all the same.
    """

    weight: Annotated[float, Ge(0), Le(1)] = 0.9
    by: By = "reversal"
    start: Literal["scratch", "standard"] = "scratch"
    schedule: Schedule = "constant"
    labels: Labels = "known"
    suppressed: tuple[str, ...] = ()
    classes: tuple[Annotated[int, Ge(2)], ...] = ()

    def chain(self, dataset):
        tasks = unwanted(dataset, self.suppressed)
        model = Suppressed(
            start=Standard() if self.start == "standard" else None,
            weight=self.weight,
            by=self.by,
            schedule=self.schedule,
            labels=self.labels,
            tasks=tasks,
            classes=self.classes,
        )
        return self.probed(model, tasks)

    def check(self, dataset):
        check_tasks(dataset, self.suppressed)
        if self.classes and self.labels == "known":
            raise BadInput("classes", "branches of no task have no known labels", "set labels: random, or classes: []")
        if self.classes and self.suppressed:
            problem = f"such branches are of no task, and {', '.join(self.suppressed)} was named"
            raise BadInput("classes", problem, "set suppressed: [], or classes: []")


@dataclass(frozen=True, kw_only=True)
class Suppressed(TrainStage):
    """lambda L_m(y) - (1 - lambda) sum L_0: a head for each suppressed task, or for each number of `classes`, reads the
    feature layer."""

    start: Standard | None
    weight: float
    by: By
    schedule: Schedule
    labels: Labels
    tasks: tuple[str, ...]
    classes: tuple[int, ...]

    def view(self, setting, generator, before):
        rows = torch.arange(len(setting.dataset.train["y"]))
        return View(rows, start={} if self.start is None else parameters(before["start"]))

    def heads(self, features, dataset):
        return {name: two_hidden(features, classes) for name, classes in self._branches(dataset).items()}

    def fresh_columns(self, size, dataset, generator):
        if self.labels == "known":
            return {}
        return {
            f"random {name}": torch.randint(classes, (size,), generator=generator)
            for name, classes in self._branches(dataset).items()
        }

    def outputs(self, nets, batch):
        outputs = encode_and_classify(nets["main"], self.inputs(batch))
        read = outputs["features"]
        if self.by == "reversal":
            read = reverse(read, read.new_ones(()))
        guesses = {f"guess {name}": head(read) for name, head in nets.items() if name != "main"}
        return {"logits": outputs["logits"]} | guesses

    def loss(self, nets, outputs, batch):
        target = weighted_mean(error(outputs["logits"], batch["y"]), batch)
        labels = {name: batch[f"random {name}" if self.labels == "random" else name] for name in nets if name != "main"}
        others = sum(weighted_mean(error(outputs[f"guess {name}"], y), batch) for name, y in labels.items())
        risen = schedule(batch["progress"]).mean() if self.schedule == "dann" else 1
        sign = -1 if self.by == "negative" else 1
        return self.weight * target + sign * risen * (1 - self.weight) * others

    def _branches(self, dataset: Dataset) -> dict[str, int]:
        """How many classes each head tells apart, by the column of its task's labels, or by its place."""
        if self.classes:
            return {f"branch {place}": classes for place, classes in enumerate(self.classes)}
        tasks = [dataset.tasks[name] for name in self.tasks]
        return {task.column: len(task.classes) for task in tasks}
