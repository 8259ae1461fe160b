#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Measures kontune's rbf surrogate beside the seed's own path and scikit-learn, and prints one table.
"""Usage: bench_gp.py BENCH_GP [--require RATIO]

BENCH_GP is the program built from bench_gp.c. It names the histories and measures kontune; the same
histories are then decided here, on one thread, in the same run:

  seed     numpy and scipy as ContTune's README has it: L-BFGS-B without a gradient from l = 2.5,
           sigma_f = 1e6, explicit inverses, predictions with their covariance for all parallelisms
  sklearn  GaussianProcessRegressor with the kernel and the restarts its README suggests

All figures are CPU time per decision (fit, predict, smallest feasible parallelism), medians over the
histories of one size. With --require the exit status is 1 if a ratio to the seed is below RATIO.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
import warnings

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

PARALLELISMS = np.arange(0.0, 129.0)[:, None]
REPEATS = 3


def rbf(a, b, length_scale, sigma_f):
    return sigma_f**2 * np.exp(-0.5 * ((a - b.T) / length_scale) ** 2)


def decide_seed(x, y, load):
    noise = 1e-8 * np.eye(len(x))
    constant = 0.5 * len(x) * np.log(2 * np.pi)

    def loss(params):
        total = rbf(x, x, *params) + noise
        return 0.5 * y @ np.linalg.inv(total) @ y + 0.5 * np.linalg.slogdet(total)[1] + constant

    found = minimize(loss, [2.5, 1e6], bounds=((1e-5, 1e5), (1e-5, 5e5)), method="L-BFGS-B").x
    inverse = np.linalg.inv(rbf(x, x, *found) + noise)
    cross = rbf(x, PARALLELISMS, *found)
    mean = cross.T @ inverse @ y
    covariance = rbf(PARALLELISMS, PARALLELISMS, *found) - cross.T @ inverse @ cross
    return smallest_feasible(mean, load), covariance


def decide_sklearn(x, y, load):
    kernel = ConstantKernel(0.2, (1e-4, 1e4)) * RBF(0.5, (1e-4, 1e4))
    model = GaussianProcessRegressor(kernel=kernel, alpha=1e-8, n_restarts_optimizer=2, random_state=1)
    mean, covariance = model.fit(x, y).predict(PARALLELISMS, return_cov=True)
    return smallest_feasible(mean, load), covariance


def smallest_feasible(mean, load):
    feasible = np.flatnonzero(mean[1:] >= load)
    return int(feasible[0]) + 1 if len(feasible) else 0


def read_histories(program):
    histories, current = {}, None
    for line in subprocess.run([program, "--histories"], check=True, capture_output=True, text=True).stdout.splitlines():
        fields = line.split()
        if fields[0] == "history":
            current = (float(fields[2]), [], [])
            histories.setdefault(int(fields[1]), []).append(current)
        else:
            current[1].append(float(fields[0]))
            current[2].append(float(fields[1]))
    return histories


def measure_ours(program):
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    return {int(n): float(ns) * 1e-3 for word, n, ns in (l.split() for l in lines if l.startswith("gp "))}


def measure(decide, histories):
    times = []
    for load, x, y in histories:
        points, abilities = np.array(x)[:, None], np.array(y)
        decide(points, abilities, load)
        start = time.process_time()
        for _ in range(REPEATS):
            decide(points, abilities, load)
        times.append((time.process_time() - start) / REPEATS * 1e6)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--require", type=float, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    histories, ours = read_histories(options.program), measure_ours(options.program)
    worst = float("inf")
    print("CPU time per decision (fit, predict, smallest feasible parallelism), microseconds")
    print(f"{'points':>6} {'kontune':>10} {'seed':>10} {'sklearn':>10} {'seed/kontune':>13} {'sklearn/kontune':>16}")
    for n, group in sorted(histories.items()):
        seed, sklearn = measure(decide_seed, group), measure(decide_sklearn, group)
        worst = min(worst, seed / ours[n])
        print(f"{n:>6} {ours[n]:>10.1f} {seed:>10.0f} {sklearn:>10.0f} {seed / ours[n]:>13.0f} {sklearn / ours[n]:>16.0f}")
    if worst < options.require:
        print(f"bench_gp.py: {worst:.0f} times less than the seed, {options.require:.0f} are required", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
