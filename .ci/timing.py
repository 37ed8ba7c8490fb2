"""Is one checkout slower than another? `timing.py OLD NEW` runs four jobs on both, in turns, each in a fresh process.

Per job it prints the median of the ratios old/new over pairs (above 1: the new code is faster) and a bootstrap confidence
interval of that median. Runs of a pair follow each other at once, and every second pair begins with the other checkout, so
that a machine that is busy for a while slows both. Time is taken inside the process, after the import and a small warm-up,
by the clock and as processor time, which depends less on who else is at work.
Nothing fails by the clock: `--at-least R` alone makes the exit code 1, where even the upper bound is below R.
"""
import argparse
import dataclasses
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median
from typing import Callable

PAIRS = 9


def column(c, data, net, n:int, **settings) -> Callable:
    "A job: the profile of one network"
    return lambda: c.Cascade(net, **settings).fit_profile(data.x_train[:n], data.x_test[:256])


def ridge(c, data, small:bool) -> Callable:
    return column(c, data, c.mlp(3 if small else 60, width=784), 2048)


def adam(c, data, small:bool) -> Callable:
    return column(c, data, c.mlp(2 if small else 20, width=256), 256 if small else 10_000, solver="adam")


def cnn(c, data, small:bool) -> Callable:
    return column(c, data, c.cnn(3 if small else 16, channels=16), 64 if small else 2048)


def diagram(c, data, small:bool) -> Callable:
    "A phase diagram in processes; the warm-up starts and ends a pool of its own"
    parts = {k: getattr(data, k)[:n] for k, n in dict(x_train=1024, y_train=1024, x_test=128, y_test=128).items()}
    few, grid = dataclasses.replace(data, **parts), {"var_w": [1.76] if small else [.5, 1., 1.5, 2., 2.5, 3., 3.5, 4.]}
    fixed = dict(depth=2 if small else 40, width=256)
    return lambda: c.sweep(c.mlp, grid, few, executor="processes", progress=False, **fixed)


JOBS = {"ridge": ridge, "diagram": diagram, "adam": adam, "cnn": cnn}


def cpu_seconds() -> float:
    "What this process and the children it has waited for have computed"
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def inside(job:str, bytes_on:int):
    "In the fresh process: print how long the job took"
    from reference import package
    c = package(bool(bytes_on))
    data = c.load_dataset("mnist_sample")
    JOBS[job](c, data, True)()
    run = JOBS[job](c, data, False)
    wall, cpu = time.perf_counter(), cpu_seconds()
    run()
    print("seconds", time.perf_counter() - wall, cpu_seconds() - cpu, c.__file__)


def with_switch(checkout:Path, bytes_on:int, folder:Path) -> Path:
    "`checkout`, or a copy without byte products where its code (0.1.0) is older than the variable that turns them off"
    constant = re.compile(r"^BYTES = .*$", re.M)
    layers = checkout/"cascade_nb/layers.py"
    if bytes_on or not constant.search(layers.read_text()): return checkout
    copy = folder/"without_bytes"
    shutil.copytree(checkout/"cascade_nb", copy/"cascade_nb", ignore=shutil.ignore_patterns("__pycache__"))
    (copy/"cascade_nb/layers.py").write_text(constant.sub("BYTES = False", layers.read_text()))
    return copy


def seconds(checkout:Path, job:str, bytes_on:int) -> tuple:
    "(wall, processor) seconds of one run of `job` with the package of `checkout`"
    env = os.environ | {"PYTHONPATH": str(checkout), "CASCADE_NB_BYTES": str(bytes_on)}
    command = [sys.executable, __file__, "--inside", job, "--bytes", str(bytes_on)]
    done = subprocess.run(command, env=env, cwd=checkout, capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(f"{job} failed in {checkout}:\n{done.stderr[-2000:]}")
    _, wall, cpu, came_from = done.stdout.strip().splitlines()[-1].split(maxsplit=3)
    if Path(came_from).resolve().parents[1] != checkout:
        sys.exit(f"asked for the package of {checkout}, got {came_from}")
    return float(wall), float(cpu)


def interval(ratios:list, draws:int=10_000) -> tuple:
    "A 95 % bootstrap interval of the median"
    rng = Random(0)
    medians = sorted(median(rng.choices(ratios, k=len(ratios))) for _ in range(draws))
    return medians[int(.025*draws)], medians[int(.975*draws)]


def measure(checkouts:dict, job:str, pairs:int, bytes_on:int) -> float:
    "Print the medians of old/new with their intervals; the upper bound of the one by the clock"
    times = {"old": [], "new": []}
    for i in range(pairs):
        for k in (("old", "new") if i % 2 == 0 else ("new", "old")):
            times[k].append(seconds(checkouts[k], job, bytes_on))
        print(f"  {job} {i + 1}/{pairs}: {times['old'][-1][0]:.2f} s, {times['new'][-1][0]:.2f} s", file=sys.stderr)
    highest = []
    for clock, name in enumerate(("wall", "processor")):
        old, new = ([t[clock] for t in times[k]] for k in ("old", "new"))
        ratios = [a/b for a, b in zip(old, new)]
        low, high = interval(ratios)
        highest.append(high)
        print(f"{job:8} {name:9} old {median(old):6.2f} s  new {median(new):6.2f} s  old/new {median(ratios):.3f}  "
              f"95 % [{low:.3f}, {high:.3f}]  {pairs} pairs, bytes {bytes_on}", flush=True)
    return highest[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, metavar="OLD NEW", help="two folders that hold cascade_nb/")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--only", choices=JOBS)
    parser.add_argument("--bytes", type=int, choices=(0, 1), default=1, help="0: without products of bytes")
    parser.add_argument("--at-least", type=float, default=0., help="exit code 1 where the upper bound is below this")
    parser.add_argument("--inside", choices=JOBS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        inside(args.inside, args.bytes)
        return 0
    if len(args.checkouts) != 2: parser.error("give two checkouts, the old one and the new one")
    with tempfile.TemporaryDirectory() as tmp:
        checkouts = {k: with_switch(o.resolve(), args.bytes, Path(tmp)/k) for k, o in zip(("old", "new"), args.checkouts)}
        highest = [measure(checkouts, job, args.pairs, args.bytes) for job in ([args.only] if args.only else JOBS)]
    return int(min(highest) < args.at_least)


if __name__ == "__main__": sys.exit(main())
