"""What does DRO training cost? Draws, many models from one start, Algorithm 4.1 once against attacks in every model.

sampler: draws in proportion to arrival in closed form, beside a search in a table of cumulative weights and
    `torch.multinomial`, at the most weights that this takes (2^24).
replicas: R models of Algorithm 4.2 as one stack, beside each alone: an MLP, heads on features that are made once beside
    fine-tuning the whole network with its encoder frozen, a small convolutional network as the engine is chosen.
once: Algorithm 4.1 and R models of Algorithm 4.2, beside R models that attack their own images. Of these few are run,
    and the seconds scaled: they are alike.

    python benchmarks/dro.py [--models 50] [--online 2] [sampler] [replicas] [once]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch

from fairray.methods._arrivals import draw
from fairray.store import Store
from fairray.training.fit import EngineName
from fairray.trial import Trial, execute, stages

WEIGHTS = 2**24
DRAWS = 100_000
ROUNDS = 3
MLP = {"name": "mlp", "units": 64, "depth": 1}
CNN = {"name": "small_cnn", "channels": 4}
ATTACK = {"name": "pgd_l2", "eps": 0.2, "N": 20}
DATA = {"name": "toy", "side": 16, "size": 1024}


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sampler() -> None:
    """Draws from as many weights as `torch.multinomial` takes."""
    generator, P = torch.Generator().manual_seed(0), torch.arange(1, WEIGHTS + 1, dtype=torch.float64)
    ways: dict[str, Callable[[], object]] = {
        "closed form": lambda: draw(DRAWS, 0, WEIGHTS, generator),
        "multinomial": lambda: torch.multinomial(P, DRAWS, replacement=True, generator=generator),
        "table": lambda: torch.searchsorted(
            P.cumsum(0), torch.rand(DRAWS, generator=generator, dtype=P.dtype) * P.sum()
        ),
    }
    fastest = {name: min(times) for name, times in rounds(ways).items()}
    print(f"{DRAWS:,} draws from {WEIGHTS:,} weights, ms: {listed(fastest, 1000)}")
    print(f"ratio sampler_vs_multinomial {fastest['multinomial'] / fastest['closed form']:.1f}")


def rounds(ways: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """The seconds of each way in each round, by turns."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            found[name].append(seconds(way))
    return found


def listed(values: dict[str, float], factor: float = 1) -> str:
    return ", ".join(f"{name} {factor * value:.2f}" for name, value in values.items())


def trial(models: int, network: dict[str, Any], method: str = "dro", **more: Any) -> Trial:
    """So many models from one theta_0."""
    return Trial(
        task="toy",
        arm=method,
        dataset=DATA,
        method={"name": method, "attack": ATTACK, "T1": 2, **more},
        network=network,
        training={"epochs": 2, "batch": 64, "selection": "last"},
        seeds=tuple(range(models)),
    )


def last_seconds(one: Trial, engine: EngineName, kinds: set[str]) -> float:
    """Of the stages of these names alone, from the store's own record; what comes before them is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        execute([one], store, engine)
        made = [store.spec(uid)["made"]["seconds"] for uid, r in stages(one.ends).items() if r.stage.name in kinds]
    return sum(made)


def replicas(models: int) -> None:
    """R models as one stack beside R alone."""
    for name, network, kinds in (("mlp", MLP, {"finetuned"}), ("small_cnn", CNN, {"finetuned"})):
        one = trial(models, network)
        engine: EngineName = "stacked" if name == "mlp" else "auto"
        found = {
            "ours": min(last_seconds(one, engine, kinds) for _ in range(ROUNDS)),
            "alone": min(last_seconds(one, "alone", kinds) for _ in range(ROUNDS)),
        }
        print(f"{models} models of {name}, s: {listed(found)}")
        print(f"ratio replicas_vs_separate_{name} {found['alone'] / found['ours']:.2f}")
    heads, whole = trial(models, CNN, head=True), trial(models, CNN)
    found = {
        "heads": min(last_seconds(heads, "stacked", {"head", "features"}) for _ in range(ROUNDS)),
        "whole": min(last_seconds(whole, "alone", {"finetuned"}) for _ in range(ROUNDS)),
    }
    print(f"{models} heads on the features of small_cnn beside its fine-tuning alone, s: {listed(found)}")
    print(f"ratio replicas_vs_separate_head {found['whole'] / found['heads']:.2f}")


def once(models: int, online: int) -> None:
    """Algorithm 4.1 once and R models, beside R models that attack by themselves."""
    ours = last_seconds(trial(models, MLP), "stacked", {"adversarial", "finetuned"})
    theirs = last_seconds(trial(online, MLP, "online_adversarial"), "alone", {"online"}) * models / online
    print(f"{models} models of mlp, s: Algorithm 4.1 once {ours:.2f}, online {theirs:.2f} ({online} run, scaled)")
    print(f"ratio once_vs_online {theirs / ours:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts", nargs="*", choices=["sampler", "replicas", "once", []], help="all, unless some are named"
    )
    parser.add_argument("--models", type=int, default=50, help="R")
    parser.add_argument("--online", type=int, default=2, help="models that attack their own images")
    given = parser.parse_args()
    torch.set_num_threads(1)
    parts = given.parts or ["sampler", "replicas", "once"]
    if "sampler" in parts:
        sampler()
    if "replicas" in parts:
        replicas(given.models)
    if "once" in parts:
        once(given.models, given.online)


if __name__ == "__main__":
    main()
