"""PyTorch and SciPy beside kldiv on the same data, one thread, taking turns. See `run` in this folder.

    venv/bin/python torch_scipy.py PEERS OUT.json

PEERS is the program of this folder; it computes kldiv's turns in a process of its own. The first call
of a turn is not timed: the other one's turn has left caches and, where it waited, a sleeping processor.
"""
import json
import os
import statistics
import subprocess
import sys
import time

# Pages of one size for all: NumPy would ask for huge ones, on which memory is read faster.
os.environ["NUMPY_MADVISE_HUGEPAGE"] = "0"

import numpy as np
import scipy.special
import torch
import torch.nn.functional as F

PEERS, OUT = sys.argv[1:]
DATA = os.path.join(os.path.dirname(os.path.abspath(OUT)), "data")
TURN = 300_000  # nanoseconds: a fraction of the scheduler's slice

torch.set_num_threads(1)
torch.set_grad_enabled(False)


class Kldiv:
    """Calls of kldiv, timed in its process."""

    def __init__(self, arrays):
        os.makedirs(DATA, exist_ok=True)
        for name, values in arrays.items():
            values.tofile(os.path.join(DATA, name))
        self.process = subprocess.Popen(
            [PEERS, "serve", DATA], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def turn(self, form):
        def run(calls):
            self.process.stdin.write(f"{form} {calls}\n")
            self.process.stdin.flush()
            nanoseconds, value = self.process.stdout.readline().split()
            return int(nanoseconds), float(value)

        return run

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def here(function):
    """The same for a function of this process."""

    def run(calls):
        function()
        start = time.perf_counter_ns()
        for _ in range(calls):
            result = function()
        return time.perf_counter_ns() - start, float(result)

    return run


def contest(form, n, truth, contestants):
    rounds = 7 if n > 1_000_000 else 31
    calls, times, rows = [], [[] for _ in contestants], []
    for name, run in contestants:
        run(3)
        took, value = run(1)
        calls.append(max(1, TURN // max(1, took)))
        error = abs(value - truth) / abs(truth)
        rows.append({"number": "f32", "form": form, "n": n, "name": name, "error": error})
    for _ in range(rounds):
        for k, (_, run) in enumerate(contestants):
            took, _ = run(calls[k])
            times[k].append(took / calls[k] / n)
    for row, of_row in zip(rows, times):
        row["nanoseconds"] = statistics.median(of_row)
    return rows


def main():
    rows = []
    for n in (10, 4096, 65_536, 1 << 24):
        rng = np.random.default_rng(1)
        p, q = (np.exp(rng.uniform(-4, 4, n)) for _ in range(2))
        p, q = ((v / v.sum()).astype(np.float32) for v in (p, q))
        x, ln_p = np.log(q), np.log(p)
        p64, x64, t64 = (v.astype(float) for v in (p, x, ln_p))
        tx, tp, tt = (torch.from_numpy(v) for v in (x, p, ln_p))
        kldiv = Kldiv({"x": x, "p": p, "ln_p": ln_p})

        def kl(a, b):
            return F.kl_div(a, b, reduction="sum")

        def kl_log(a, b):
            return F.kl_div(a, b, reduction="sum", log_target=True)

        torch._dynamo.reset()
        compiled, compiled_log = torch.compile(kl), torch.compile(kl_log)
        rows += contest("plain", n, (p64 * (np.log(p64) - x64)).sum(), [
            ("kldiv", kldiv.turn("plain")),
            ("PyTorch eager", here(lambda: kl(tx, tp))),
            ("PyTorch compiled", here(lambda: compiled(tx, tp))),
            ("SciPy rel_entr", here(lambda: scipy.special.rel_entr(p, q).sum())),
        ])
        rows += contest("log_target", n, (np.exp(t64) * (t64 - x64)).sum(), [
            ("kldiv", kldiv.turn("log_target")),
            ("PyTorch eager", here(lambda: kl_log(tx, tt))),
            ("PyTorch compiled", here(lambda: compiled_log(tx, tt))),
        ])
        kldiv.close()
    with open(OUT, "w") as out:
        json.dump(rows, out, indent=1)
    print("torch", torch.__version__, "scipy", scipy.__version__)


main()
