"""The study that tests run: five methods on generated data."""

from pathlib import Path

METHODS = "methods=[standard, undersampling, reweighing, bade, bade_tuned]"
ARGUMENTS = ["bade_benchmarks", "--scale", "smoke", "tasks.Adult=toy", METHODS]
HERE = ["launch=local", "launch.threads=1"]
LOCAL = [*ARGUMENTS, *HERE]
# what one model learns of five tasks, and what suppresses it
SHAPES = f"name: {Path(__file__).with_name('members') / 'few_shapes.py'}, side: 16, train: 2, validation: 0.5, test: 1"
TASKS = f"""tasks={{
  At once: {{{SHAPES}, target: [shape, colour, size, location, background]}},
  Pairs: {{{SHAPES}, target: [shape], protected: [colour]}}}}"""
SUPPRESSION = ["trust_suppression", "--scale", "smoke", *HERE, TASKS, "network.channels=2", "methods.*.probe_epochs=1"]
