"""PyTorch and SciPy on the kind of data that the crate beside this file uses, one thread.

    python -m venv venv && venv/bin/pip install numpy scipy torch && venv/bin/python torch_scipy.py
"""
import statistics
import time

import numpy as np
import scipy.special
import torch
import torch.nn.functional as F

torch.set_num_threads(1)


def nanoseconds(function, n):
    calls, rounds = max(1, 200_000 // n), 5 if n > 1_000_000 else 15
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            result = function()
        times.append((time.perf_counter() - start) / calls * 1e9)
    return statistics.median(times), float(result)


print("torch", torch.__version__, "scipy", scipy.__version__)
for n in (10, 4096, 65_536, 1 << 24):
    rng = np.random.default_rng(1)
    p, q = (np.exp(rng.uniform(-4, 4, n)) for _ in range(2))
    p, q = ((v / v.sum()).astype(np.float32) for v in (p, q))
    x = np.log(q)
    truth = {
        "x": (p.astype(float) * (np.log(p.astype(float)) - x.astype(float))).sum(),
        "q": (p.astype(float) * (np.log(p.astype(float)) - np.log(q.astype(float)))).sum(),
    }
    tx, tp = torch.from_numpy(x), torch.from_numpy(p)
    for name, function, kind in (
        ("F.kl_div", lambda: F.kl_div(tx, tp, reduction="sum"), "x"),
        ("rel_entr", lambda: scipy.special.rel_entr(p, q).sum(), "q"),
    ):
        took, result = nanoseconds(function, n)
        error = abs(result - truth[kind]) / abs(truth[kind])
        print(f"f32 {n:9}  {name:9} {took / n:9.3f} ns an element {took:14.0f} ns a call  error {error:.1e}")
