"""What each kernel's main loop costs on paper: instructions and uops for an element, and the least cycles
that a processor's ports allow, by llvm-mca.

    python3 benches/uops.py            x86-64: Ice Lake server, Sapphire Rapids (Golden Cove), Zen 4
    python3 benches/uops.py aarch64    NEON: Neoverse V2

Needs LLVM 19 (Debian's package llvm-19); for AArch64 also the library's source (.ci/cross/rust-src.sh).
What is taken is the usual path of a group of four vectors; of one where they are 64 bytes and each is
written. In groups of shorter vectors that are written it is the run of instructions without a jump that multiplies
most; elsewhere the shortest that multiplies as often for a vector. Not in it: the group's check for special
values, and the loop. `bash .ci/instructions/run x86-64` counts all that is executed.
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
# And for a kernel.
GROUP = 4
KERNELS = {
    "sum": "RowSums<{}, .*Of<.*Forward, .*LnProbs, .*::Probs>",
    "sum_log_target": "RowSums<{}, .*Of<.*Forward, .*LnProbs, .*LnProbs>",
    "pointwise": "Map<{}, .*Of<.*Forward, .*LnProbs, .*::Probs>",
    "grad_input_log_target": "Map<{}, .*Of<.*InputGrad, .*LnProbs, .*LnProbs>",
    "grad_target": "Map<{}, .*Of<.*TargetGrad, .*LnProbs, .*::Probs>",
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


def straight(lines):
    """Its runs of instructions without a jump in or out."""
    blocks = [[]]
    for line in lines:
        if re.match(r"\.L\w+:", line):
            blocks.append([])
        elif re.match(r"\s+[a-z]", line):
            blocks[-1].append(line)
            if re.match(r"\s+(j\w+|call\w*|ret\w*|b|b\.\w+|bl|cbn?z|tbn?z)\s", line + " "):
                blocks.append([])
    return blocks


def multiplications(block):
    return sum(bool(re.match(r"\s+(vmulp|fmul)", line)) for line in block)


def mca(body, cpu):
    arch = ["-march=aarch64"] if AARCH64 else ["-march=x86-64"]
    command = [f"{LLVM}/llvm-mca", *arch, f"-mcpu={cpu}", "-iterations=100"]
    # Addresses of symbols are none of its business.
    text = "\n".join(line for line in body if "@" not in line)
    out = subprocess.run(command, input=text, capture_output=True, text=True)
    number = lambda what: float(re.search(rf"{what}:\s+([\d.]+)", out.stdout)[1])
    return number("Total uOps") / 100, number("Block RThroughput"), number("Total Cycles") / 100


def blocks(pattern, token):
    """Those of the functions whose name holds both."""
    named = [lines for name, lines in all_functions if re.search(pattern, name) and token in name]
    return [block for lines in named for block in straight(lines)]


all_functions = list(functions(assembly()))
print(f"{'kernel':22} {'type':4} {'isa':7} {'instructions':>12}   " + "   ".join(f"{cpu}: uops, ports, simulated" for cpu in CPUS))
for kernel, pattern in KERNELS.items():
    for number, size in (("f32", 4), ("f64", 8)):
        for isa, (token, width) in ISAS.items():
            of_type = pattern.format(number)
            written = blocks(of_type.replace("RowSums", "Map"), next(reversed(ISAS.values()))[0])
            usual = max(map(multiplications, written), default=0)
            registers = GROUP if width < 64 or "RowSums" in pattern else 1
            wanted = usual * registers // GROUP
            same = [b for b in blocks(of_type, token) if multiplications(b) == wanted]
            body = min(same, key=len, default=[])
            if not body:
                print(f"{kernel:22} {number:4} {isa:7} not found")
                continue
            elements = registers * width // size
            row = f"{kernel:22} {number:4} {isa:7} {len(body) / elements:12.2f}"
            for cpu in CPUS:
                uops, ports, cycles = mca(body, cpu)
                row += f"   {uops / elements:5.2f} {ports / elements:6.3f} {cycles / elements:6.3f}"
            print(row)
