"""The study that tests run: five methods on generated data."""

METHODS = "methods=[standard, undersampling, reweighing, bade, bade_tuned]"
ARGUMENTS = ["bade_benchmarks", "--scale", "smoke", "tasks.Adult=toy", METHODS]
