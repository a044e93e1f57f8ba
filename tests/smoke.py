"""The study that tests run: five methods on generated data."""

METHODS = "methods=[standard, undersampling, reweighing, bade, bade_tuned]"
ARGUMENTS = ["bade_benchmarks", "--scale", "smoke", "tasks.Adult=toy", METHODS]
HERE = ["launch=local", "launch.threads=1"]
LOCAL = [*ARGUMENTS, *HERE]
# what one model learns of five tasks, and what suppresses it
SUPPRESSION = ["trust_suppression", "--scale", "smoke", *HERE, "network.channels=2", "methods.*.probe_epochs=1"]
