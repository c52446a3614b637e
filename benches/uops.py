"""What each kernel's main loop costs on paper: instructions and uops for an element, and the least cycles
that a processor's ports allow, by llvm-mca.

    python3 benches/uops.py            x86-64: Ice Lake server, Sapphire Rapids (Golden Cove), Zen 4
    python3 benches/uops.py aarch64    NEON: Neoverse V2

Needs LLVM 19 (Debian's package llvm-19); for AArch64 also the library's source (.ci/cross/rust-src.sh).
The loop taken is the largest of the innermost ones of the kernel's function: the usual path, a group of
four vectors in each round. Loads from the slices tell how many vectors that are.
"""
import glob
import os
import re
import subprocess
import sys

LLVM = os.environ.get("LLVM", "/usr/lib/llvm-19/bin")
AARCH64 = sys.argv[1:] == ["aarch64"]
TRIPLE = "aarch64-unknown-linux-gnu" if AARCH64 else "x86_64-unknown-linux-gnu"
CPUS = ["neoverse-v2"] if AARCH64 else ["icelake-server", "sapphirerapids", "znver4"]
# What a function's name holds for an instruction set, and the bytes of a vector.
ISAS = {"neon": ("Neon", 16)} if AARCH64 else {"avx512": ("V4", 64), "avx2": ("V3", 32)}
# And for a kernel; streams that are read, and whether by the divisions vectors can be told.
KERNELS = {
    "sum": ("RowSums<{}, .*Of<.*Forward, .*LnProbs, .*::Probs>", 2),
    "sum_log_target": ("RowSums<{}, .*Of<.*Forward, .*LnProbs, .*LnProbs>", 2),
    "pointwise": ("Map<{}, .*Of<.*Forward, .*LnProbs, .*::Probs>", 2),
    "grad_input_log_target": ("Map<{}, .*Of<.*InputGrad, .*LnProbs, .*LnProbs>", 1),
    "grad_target": ("Map<{}, .*Of<.*TargetGrad, .*LnProbs, .*::Probs>", 2),
}


def assembly():
    target = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "uops")
    flags = "-Csymbol-mangling-version=v0"
    command = ["cargo", "rustc", "--quiet", "--release", "--lib", "--target", TRIPLE]
    if AARCH64:
        command += ["-Zbuild-std=std"]
    environment = dict(os.environ, RUSTFLAGS=flags, RUSTC_BOOTSTRAP="1", CARGO_TARGET_DIR=target)
    subprocess.run(command + ["--", "--emit=asm", "-Ccodegen-units=1"], check=True, env=environment)
    files = glob.glob(f"{target}/{TRIPLE}/release/deps/kldiv-*.s")
    with open(max(files, key=os.path.getmtime)) as file:
        text = file.read()
    return subprocess.run([f"{LLVM}/llvm-cxxfilt"], input=text, capture_output=True, text=True).stdout


def functions(text):
    """Demangled name and lines of each function."""
    name, lines = None, []
    for line in text.splitlines():
        start = re.match(r"\s+\.type\s+(.*),\s*[@%]function", line)
        if start:
            name, lines = start[1], []
        elif re.match(r"\s+\.size\s", line) and name:
            yield name, lines
            name = None
        elif name:
            lines.append(line)


def main_loop(lines):
    """The largest loop that holds no other."""
    labels = {}
    loops = []
    for at, line in enumerate(lines):
        label = re.match(r"(\.L\w+):", line)
        if label:
            labels[label[1]] = at
        for goal in re.findall(r"\s(?:j\w+|b\.?\w*|cbn?z|tbn?z)\s.*?(\.L\w+)", line):
            if goal in labels:
                loops.append((labels[goal], at))
    inner = [a for a in loops if not any(b != a and a[0] <= b[0] and b[1] <= a[1] for b in loops)]
    bodies = [[x for x in lines[a : b + 1] if re.match(r"\s+[a-z]", x) and not re.match(r"\s+\.", x)] for a, b in inner]
    return max(bodies, key=len, default=[])


def loads(body):
    """Loads from slices: not of constants, not from the stack."""
    count = 0
    for line in body:
        if AARCH64:
            count += len(re.findall(r"q\d+", line)) if re.match(r"\s+ldp?r?\s+q", line) and "sp" not in line else 0
        else:
            memory = re.search(r"\((%r\w+)[,)]", line)
            is_store = re.match(r"\s+v?mov\w+\s+%[xyz]mm", line)
            is_vector = re.search(r"%[xyz]mm", line)
            count += bool(memory and memory[1] not in ("%rip", "%rsp", "%rbp") and is_vector and not is_store)
    return count


def mca(body, cpu):
    arch = ["-march=aarch64"] if AARCH64 else ["-march=x86-64"]
    command = [f"{LLVM}/llvm-mca", *arch, f"-mcpu={cpu}", "-iterations=100"]
    out = subprocess.run(command, input="\n".join(body), capture_output=True, text=True)
    number = lambda what: float(re.search(rf"{what}:\s+([\d.]+)", out.stdout)[1])
    return number("Total uOps") / 100, number("Block RThroughput"), number("Total Cycles") / 100


all_functions = list(functions(assembly()))
print(f"{'kernel':22} {'type':4} {'isa':7} {'instructions':>12}   " + "   ".join(f"{cpu}: uops, ports, simulated" for cpu in CPUS))
for kernel, (pattern, streams) in KERNELS.items():
    for number, size in (("f32", 4), ("f64", 8)):
        for isa, (token, width) in ISAS.items():
            named = [lines for name, lines in all_functions if re.search(pattern.format(number), name) and token in name]
            body = max((main_loop(lines) for lines in named), key=len, default=[])
            elements = loads(body) // streams * width // size
            if not elements:
                print(f"{kernel:22} {number:4} {isa:7} not found")
                continue
            row = f"{kernel:22} {number:4} {isa:7} {len(body) / elements:12.2f}"
            for cpu in CPUS:
                uops, ports, cycles = mca(body, cpu)
                row += f"   {uops / elements:5.2f} {ports / elements:6.3f} {cycles / elements:6.3f}"
            print(row, f"  ({elements} elements a round)")
