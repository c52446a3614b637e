#!/usr/bin/env python3
"""What the kernels cost on small machines: exact counts, the same on every run.

    python3 .ci/costs.py            fails when a figure is over 3 % above tests/costs.txt
    python3 .ci/costs.py --write    writes tests/costs.txt, and the table in src/guide

n = 1,024, f32, release profile. Needs what .ci/cross/setup.sh installs, and PyPI's wasmtime.
"""

import math
import os
import pathlib
import re
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
FIGURES = ROOT / "tests/costs.txt"
GUIDE = ROOT / "src/guide/small_machines.md"
N = 1024
KERNELS = "kl", "kl_log_target"
# Rows of the guide's table: what, unit, the figure's name, what others take.
TABLE = [
    ("Cortex-M4F, kl", "instructions", "m4f kl instructions", "CMSIS-DSP 81, libm loop 50"),
    ("", "modelled cycles", "m4f kl cycles", "CMSIS-DSP 164, libm loop 81"),
    ("Cortex-M4F, log target", "instructions", "m4f kl_log_target instructions", "C with newlib 83"),
    ("", "modelled cycles", "m4f kl_log_target cycles", "C with newlib 156"),
    ("Cortex-M4F, `-Ctarget-cpu=cortex-m4`, kl", "instructions", "m4f-tuned kl instructions", ""),
    ("", "modelled cycles", "m4f-tuned kl cycles", ""),
    ("Cortex-M4F, `-Ctarget-cpu=cortex-m4`, log target", "instructions", "m4f-tuned kl_log_target instructions", ""),
    ("", "modelled cycles", "m4f-tuned kl_log_target cycles", ""),
    ("Cortex-M4F, kl with all it calls", "bytes of flash", "m4f kl flash", "CMSIS-DSP 828"),
    ("", "bytes of stack", "m4f kl stack", "CMSIS-DSP 40"),
    ('Cortex-M4F, `opt-level = "s"`, kl with all it calls', "bytes of flash", "m4f-small kl flash", "CMSIS-DSP 828"),
    ("", "modelled cycles", "m4f-small kl cycles", "CMSIS-DSP 164"),
    ("Cortex-M7, `-Ctarget-cpu=cortex-m7`, kl", "instructions", "m7 kl instructions", "CMSIS-DSP 43"),
    ("Cortex-M4 without FPU, kl", "instructions", "m4 kl instructions", "CMSIS-DSP 1462"),
    ("Cortex-M3, kl", "instructions", "m3 kl instructions", "CMSIS-DSP 1462"),
    ("Cortex-M0, kl", "instructions", "m0 kl instructions", "CMSIS-DSP 3326"),
    ("RV32IMAC, kl", "instructions", "rv32 kl instructions", ""),
    ("AArch64 NEON, kl", "instructions", "neon kl instructions", "`wide`'s ln 12.6, libm 50"),
    ("AArch64 NEON, log target", "instructions", "neon kl_log_target instructions", ""),
    ("WASM, kl", "operations", "wasm kl operations", ""),
    ("WASM simd128, kl", "operations", "wasm-simd128 kl operations", ""),
    ("WASM module with kl alone", "bytes", "wasm kl bytes", "libm loop 448"),
    ('WASM module with kl alone, `opt-level = "s"`', "bytes", "wasm-small kl bytes", "libm loop 448"),
    ("WASM simd128 module with kl alone", "bytes", "wasm-simd128 kl bytes", "tfjs 311 KB"),
]


def run(*command, **more):
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


def on_board(board, program, plugin):
    """Kernel, bytes of stack, instructions and modelled cycles of each region."""
    counts = TARGET / f"counts-{board}"
    printed = run("bash", ".ci/cross/board.sh", board, program, "-plugin", f"{plugin},m4=1", "-d", "plugin", "-D", str(counts))
    for line, region in zip(printed.splitlines(), counts.read_text().splitlines(), strict=True):
        name, _, stack, _ = line.split()
        fields = region.split()
        yield name, int(stack), int(fields[3]), int(fields[7])


def flash(board, program):
    run("bash", ".ci/cross/board.sh", board, program)
    folder = {"m4f": "firmware", "m4f-small": "firmware-s"}[board]
    image = TARGET / folder / "thumbv7em-none-eabihf/release" / program
    text, data, *_ = run("arm-none-eabi-size", str(image)).splitlines()[1].split()
    return int(text) + int(data)


def wasm_operations(file, kernel):
    """Operations an element, by the fuel that wasmtime burns; results agree with double precision."""
    import wasmtime

    state = 1
    rows = []
    for _ in range(2 * N):
        state = (state * 1664525 + 1013904223) % 2**32
        rows.append(((state >> 9) + 1) * 2.0**-32)
    single = struct.Struct(f"<{N}f")
    target = [math.log(p) for p in rows[:N]] if "log" in kernel else rows[:N]
    packed = single.pack(*(math.log(q) for q in rows[N:])), single.pack(*target)
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    store.set_fuel(10**9)
    exports = wasmtime.Instance(store, wasmtime.Module.from_file(engine, str(file)), []).exports(store)
    memory = exports["memory"]
    memory.grow(store, 1)
    base = memory.data_len(store) - 65536
    memory.write(store, b"".join(packed), base)
    before = store.get_fuel()
    result = exports[kernel](store, base, base + 4 * N, N)
    used = before - store.get_fuel()
    x, t = map(single.unpack, packed)
    truth = sum(math.exp(t) * (t - x) if "log" in kernel else t * (math.log(t) - x) for x, t in zip(x, t))
    assert abs(result - truth) < 1e-6 * abs(truth), (kernel, result, truth)
    return used


def measure():
    figures = {}
    plugin = TARGET / "insn_count.so"
    run("cc", "-O2", "-shared", "-fPIC", ".ci/cross/insn_count.c", "-o", str(plugin))
    for board in "m4f", "m4f-tuned", "m4f-small", "m7", "m4", "m3", "m0", "rv32", "neon":
        for kernel, stack, instructions, cycles in on_board(board, "cost", plugin):
            figures[f"{board} {kernel} instructions"] = round(instructions / N, 2)
            if board.startswith("m4f"):
                figures[f"{board} {kernel} cycles"] = round(cycles / N, 2)
                figures[f"{board} {kernel} stack"] = stack
    for board in "m4f", "m4f-small":
        for kernel in KERNELS:
            figures[f"{board} {kernel} flash"] = flash(board, f"size_{kernel}") - flash(board, "size_base")
    modules = TARGET / "modules"
    run("bash", ".ci/cross/wasm.sh", str(modules))
    for kernel in KERNELS:
        for flavour in "", "-simd128", "-small":
            file = modules / f"{kernel}{flavour}.wasm"
            figures[f"wasm{flavour} {kernel} operations"] = round(wasm_operations(file, kernel) / N, 2)
            figures[f"wasm{flavour} {kernel} bytes"] = file.stat().st_size
    return figures


def table(figures):
    lines = ["| what | counted | here | others |", "|---|---|---|---|"]
    for what, unit, name, others in TABLE:
        lines.append(f"| {what} | {unit} | {figures[name]:,} | {others} |")
    return "\n".join(lines)


def main():
    figures = measure()
    text = "".join(f"{name}: {value}\n" for name, value in figures.items())
    print(text, end="")
    marks = re.compile(r"(<!-- costs -->\n).*?(\n<!-- end -->)", re.S)
    guide = GUIDE.read_text()
    if sys.argv[1:] == ["--write"]:
        FIGURES.write_text(text)
        GUIDE.write_text(marks.sub(lambda m: m[1] + table(figures) + m[2], guide))
        return 0
    committed = {name: float(value) for name, value in (line.split(": ") for line in FIGURES.read_text().splitlines())}
    grown = [name for name, value in figures.items() if value > 1.03 * committed.get(name, 0)]
    for name in grown:
        print(f"GREW: {name} from {committed.get(name)} to {figures[name]}")
    return 1 if grown else 0


sys.exit(main())
