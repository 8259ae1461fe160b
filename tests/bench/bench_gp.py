#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Measures kontune's decision beside the seed's own path and scikit-learn, and prints one table.
"""Usage: bench_gp.py BENCH_GP [--require RATIO]

BENCH_GP is the program built from bench_gp.c. It names the histories and measures kontune's whole decision on
them; the same histories are then decided here, on one thread, in the same run:

  seed     numpy and scipy as ContTune's README has it: L-BFGS-B without a gradient from l = 2.5,
           sigma_f = 1e6, explicit inverses, predictions with their covariance for all parallelisms
  sklearn  GaussianProcessRegressor with the kernel and the restarts its README suggests

All figures are CPU time per operator (fit, predict, smallest sufficient parallelism), medians over histories and
rounds. kontune's are of kt_decide: evidence checked, load and demand found, limits applied, the reason worded. With
--require the exit status is 1 if a ratio to the seed is below RATIO in each of three attempts, since a busy machine
disturbs a figure more easily than it flatters all of them.
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
from threadpoolctl import threadpool_info

PARALLELISMS = np.arange(0.0, 129.0)[:, None]
ROUNDS = 3
ATTEMPTS = 3


def blas():
    found = [f"{pool['internal_api']} {pool['version']}" for pool in threadpool_info() if pool["user_api"] == "blas"]
    return " and ".join(sorted(set(found))) or "the reference BLAS"


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
    lines = subprocess.run([program, "--histories"], check=True, capture_output=True, text=True).stdout.splitlines()
    for line in lines:
        fields = line.split()
        if fields[0] == "history":
            current = (float(fields[2]), [], [])
            histories.setdefault(int(fields[1]), []).append(current)
        else:
            current[1].append(float(fields[0]))
            current[2].append(float(fields[1]))
    return histories


def measure_ours(program, n):
    """Of a job of one operator, and per operator of a larger job; microseconds."""
    command = [program, "--points", str(n)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [float(line.split()[3]) * 1e-3 for line in lines if line.startswith("decide ")]


def measure(decide, histories):
    times = []
    for load, x, y in histories:
        points, abilities = np.array(x)[:, None], np.array(y)
        decide(points, abilities, load)
        for _ in range(ROUNDS):
            start = time.process_time()
            decide(points, abilities, load)
            times.append((time.process_time() - start) * 1e6)
    return statistics.median(times)


def attempt(program, histories):
    """Measures once, prints the table, and returns the least ratio to the seed."""
    least = float("inf")
    print(
        f"{'points':>6} {'kontune, one':>12} {'of ten':>8} {'seed':>8} {'sklearn':>8}"
        f" {'seed / kontune':>17} {'sklearn / kontune':>18}"
    )
    for n, group in sorted(histories.items()):
        # before and after the seed's, so that a neighbour on the machine disturbs both
        before, seed, after = measure_ours(program, n), measure(decide_seed, group), measure_ours(program, n)
        one, of_ten = (statistics.mean(pair) for pair in zip(before, after))
        sklearn = measure(decide_sklearn, group)
        least = min(least, seed / one, seed / of_ten)
        print(
            f"{n:>6} {one:>12.1f} {of_ten:>8.1f} {seed:>8.0f} {sklearn:>8.0f}"
            f" {seed / one:>8.0f} {seed / of_ten:>8.0f} {sklearn / one:>9.0f} {sklearn / of_ten:>8.0f}"
        )
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--require", type=float, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    histories = read_histories(options.program)
    print("One decision, CPU microseconds per operator by points of history; numpy on", blas())
    for _ in range(ATTEMPTS):
        least = attempt(options.program, histories)
        if least >= options.require:
            return 0
        print(f"{least:.0f} times less than the seed at the least, {options.require:.0f} are required", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
