#!/usr/bin/env bash
# Installs the Debian packages that the checks under .ci need: emulators, a linker
# for AArch64, C compilers and libraries for Cortex-M and WASI. Uses apt as it
# is configured. Idempotent; run as root.
set -euo pipefail

packages=(
  qemu-user               # qemu-aarch64, qemu-riscv32
  qemu-system-arm         # Cortex-M boards
  gcc-aarch64-linux-gnu   # linker for aarch64-unknown-linux-gnu
  libc6-dev-arm64-cross
  wasi-libc               # C library for wasm32-wasip1
  g++                     # builds libFuzzer
  valgrind                # counts instructions on x86-64, watches the C test
  gcc-arm-none-eabi       # a C program for Cortex-M
  libnewlib-arm-none-eabi
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all packages are there"
  exit 0
fi

echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# An update that fails in part still leaves lists that may be good enough.
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends "${missing[@]}"
