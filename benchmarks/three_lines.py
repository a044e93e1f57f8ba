"""How long do the three lines of a data frame take, from nothing to the figure?

    python benchmarks/three_lines.py [--rows 500 5000 50000]

Each number of rows in a process and a folder of its own: people that are hired by their skill, their years and, on top
of that, by their sex. It prints seconds by the clock and of one core, and the verdict.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAM = """
import sys, time
import numpy as np, pandas as pd
count = int(sys.argv[1])
random = np.random.default_rng(0)
male, skill, years = random.random(count) < 0.6, random.normal(size=count), random.integers(30, size=count)
chance = skill + 0.8 * male + 0.03 * years - 0.8 + random.normal(size=count)
df = pd.DataFrame({"sex": np.where(male, "m", "f"), "skill": skill + 0.3 * male, "years": years})
df["height"] = 170 + 8 * male + 6 * random.normal(size=count)
df["hired"] = np.where(chance > 0, "yes", "no")
start = time.perf_counter()
import fairray
study = fairray.from_frame(df, target="hired", protected="sex", quiet=True)
results = study.run(quiet=True)
results.plot().savefig("plane.png")
print(f"{count:,} rows: {time.perf_counter() - start:.0f} s, {time.process_time():.0f} s of a core")
print(results.verdict()[["method", "metric", "mean", "word"]].to_string(index=False))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 5_000, 50_000])
    for rows in parser.parse_args().rows:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
            subprocess.run([sys.executable, "-c", PROGRAM, str(rows)], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
