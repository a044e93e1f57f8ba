"""Points that one of Optuna's samplers asks for, batch by batch, and how they scored."""

import inspect
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, NamedTuple

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from fairray.errors import BadInput
from fairray.measures import Measure
from fairray.space import Grid, Range, Space
from fairray.study import Search

__all__ = ["SAMPLERS", "Sampling", "Score"]

DIRECTIONS: dict[str, Literal["maximize", "minimize"]] = {"high": "maximize", "low": "minimize"}
QUIET: dict[str, Any] = {"warn_independent_sampling": False}  # samplers of numbers draw words at random
IN_TURN: dict[str, Any] = {"warn_asynchronous_seeding": False}  # one process asks
UNBOUND = {"cmaes"}  # heed no constraint
FEWEST = 4  # points of a generation of CMA-ES: among fewer there are none to go by
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Score(NamedTuple):
    """How a point did. means: by measure, none where nothing is stored. grave: how far it is from being a result.
    stopped: after how many epochs, where it was stopped early."""

    means: Mapping[str, float]
    grave: int = 0
    stopped: int | None = None


class Sampling:
    """Batches of points that a sampler chooses; the points of one batch do not know of each other.

    Raises BadInput, about a field of the search, where its sampler is not there or cannot search such a space.
    """

    def __init__(self, name: str, space: Space, search: Search, objectives: Sequence[Measure]):
        if search.name == "cmaes":
            _check_numbers(space, objectives)
        self.search, self.objectives = search, objectives
        self.space = {name: _distribution(choice) for name, choice in space.items()}
        self.open: list[optuna.Trial] = []
        self.asked = 0
        self.storage = InMemoryStorage()
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=name,
            directions=[DIRECTIONS[measure.best] for measure in objectives],
            sampler=_sampler(search),
        )

    def ask(self) -> list[dict[str, Any]]:
        """The next batch; none when all points are asked for."""
        count = min(self.search.batch, self.search.points - self.asked)
        self.open = [self.study.ask(self.space) for _ in range(count)]
        self.asked += count
        return [trial.params for trial in self.open]

    def tell(self, scores: Sequence[Score]) -> None:
        """Score the last batch; a point without one of the objectives has failed.

        A point that is no result breaks a constraint, so that a sampler keeps away from it however good it looks; where
        a sampler heeds none, it has failed. One that was stopped is Optuna's pruned trial.
        """
        for trial, score in zip(self.open, scores, strict=True):
            if self.search.name not in UNBOUND:
                trial.set_constraint("no result", score.grave)
            values = [float(score.means.get(measure.name, math.nan)) for measure in self.objectives]
            if score.stopped is not None:
                if len(values) == 1:  # Optuna knows no values on the way of several objectives
                    trial.report(values[0], score.stopped)
                self.study.tell(trial, state=TrialState.PRUNED)
            elif all(map(math.isfinite, values)) and not (score.grave and self.search.name in UNBOUND):
                self.study.tell(trial, values)
            else:
                self.study.tell(trial, state=TrialState.FAIL)
        self.open = []


def _distribution(choice: Grid | Range) -> BaseDistribution:
    if isinstance(choice, Grid):
        return CategoricalDistribution(choice.grid)
    if isinstance(choice.low, int) and isinstance(choice.high, int):  # its field is whole
        return IntDistribution(choice.low, choice.high, log=choice.log)
    return FloatDistribution(choice.low, choice.high, log=choice.log)


def _check_numbers(space: Space, objectives: Sequence[Measure]) -> None:
    """Raise BadInput where CMA-ES cannot search: it draws from a distribution of numbers, by the rank of one."""
    if len(objectives) > 1:
        problem = f"CMA-ES has one objective, and there are {', '.join(measure.name for measure in objectives)}"
        raise BadInput("name", problem, f"set objectives=[{objectives[0].name}], or search by another: tpe, nsga2, gp")
    if grids := [name for name, choice in space.items() if isinstance(choice, Grid)]:
        problem = f"CMA-ES searches between two numbers, and {grids[0]} is a grid"
        raise BadInput("name", problem, "give low and high, or search by another: tpe, nsga2, gp")


def _sampler(search: Search) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # Optuna's version is pinned
        return SAMPLERS[search.name](search)


def _fetch(search: Search) -> BaseSampler:
    """A sampler of OptunaHub's, from a folder that holds its registry, or from the hub, whose code then runs here."""
    offered = _offered(_load_package(search))
    if len(offered) != 1:
        problem = f"{search.package} has {', '.join(sorted(offered)) or 'no sampler'}, and one sampler was expected"
        raise BadInput("package", problem, "name a package of samplers/ in the registry")
    ((name, sampler),) = offered.items()
    if "seed" not in inspect.signature(sampler).parameters:
        problem = f"{name} takes no seed, so that it would ask for something else whenever the study is opened"
        raise BadInput("package", problem, "search by another")
    return sampler(seed=search.seed)


def _load_package(search: Search) -> ModuleType:
    try:
        hub = import_module("optunahub")
    except ImportError as error:  # or git is not, which it asks for
        raise BadInput("package", f"optunahub is not there: {error}", "pip install 'fairray[hub]'") from error
    place = search.registry or "OptunaHub"
    try:
        if search.registry:
            return hub.load_local_module(str(search.package), registry_root=search.registry)
        return hub.load_module(str(search.package))
    except Exception as error:  # of the network, of GitHub, or of the package, which may lack others
        problem = f"{search.package} cannot be loaded from {place}: {type(error).__name__}: {error}"
        cure = "clone github.com/optuna/optunahub-registry, and give its folder package/ as the search's registry"
        raise BadInput("package", problem, cure) from error


def _offered(module: ModuleType) -> dict[str, Callable[..., BaseSampler]]:
    """The samplers that a package says it has."""
    names = getattr(module, "__all__", ())
    found = {name: getattr(module, name) for name in names}
    return {name: one for name, one in found.items() if isinstance(one, type) and issubclass(one, BaseSampler)}


SAMPLERS: dict[str, Callable[[Search], BaseSampler]] = {
    "random": lambda search: optuna.samplers.RandomSampler(seed=search.seed),
    "qmc": lambda search: optuna.samplers.QMCSampler(seed=search.seed, scramble=True, **QUIET, **IN_TURN),
    "tpe": lambda search: optuna.samplers.TPESampler(seed=search.seed, constant_liar=True),
    "gp": lambda search: optuna.samplers.GPSampler(seed=search.seed, **QUIET),
    "cmaes": lambda search: optuna.samplers.CmaEsSampler(seed=search.seed, popsize=max(search.batch, FEWEST), **QUIET),
    "nsga2": lambda search: optuna.samplers.NSGAIISampler(seed=search.seed, population_size=search.batch),
    "nsga3": lambda search: optuna.samplers.NSGAIIISampler(seed=search.seed, population_size=search.batch),
    "hub": _fetch,
}
