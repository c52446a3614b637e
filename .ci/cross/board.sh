#!/usr/bin/env bash
# Builds a program of tests/firmware for a board and runs it there, emulated:
#
#   bash .ci/cross/board.sh BOARD PROGRAM [arguments to qemu...]
#   bash .ci/cross/board.sh m4f bits
#
# The boards are those of `case` below. The exit status is the program's.
set -euo pipefail
board=${1:?usage: board.sh BOARD PROGRAM [arguments to qemu...]}
program=${2:?usage: board.sh BOARD PROGRAM [arguments to qemu...]}
shift 2

console=(-nographic -monitor none -serial none -semihosting-config enable=on,target=native)
# The only Cortex-M0 that QEMU knows has 16 KiB: give it what memory.x says.
room=(-global nrf51-soc.flash-size=0x100000 -global nrf51-soc.sram-size=0x80000)
cpu=   # the compiler's, where it is not the target's own
level= # of optimisation, where it is not the profile's
case $board in
  m4f)  target=thumbv7em-none-eabihf;       run=(qemu-system-arm -M mps2-an386 "${console[@]}") ;;
  m4f-tuned) target=thumbv7em-none-eabihf;  run=(qemu-system-arm -M mps2-an386 "${console[@]}"); cpu=cortex-m4 ;;
  m4f-small) target=thumbv7em-none-eabihf;  run=(qemu-system-arm -M mps2-an386 "${console[@]}"); level=s ;;
  m7)   target=thumbv7em-none-eabihf;       run=(qemu-system-arm -M mps2-an500 "${console[@]}"); cpu=cortex-m7 ;;
  m4)   target=thumbv7em-none-eabi;         run=(qemu-system-arm -M mps2-an386 "${console[@]}") ;;
  m3)   target=thumbv7m-none-eabi;          run=(qemu-system-arm -M mps2-an385 "${console[@]}") ;;
  m0)   target=thumbv6m-none-eabi;          run=(qemu-system-arm -M microbit "${room[@]}" "${console[@]}") ;;
  rv32) target=riscv32imac-unknown-none-elf; run=(qemu-riscv32) ;;
  neon) target=aarch64-unknown-linux-gnu;    run=(qemu-aarch64) ;;
  *) echo "board: no board $board" >&2; exit 2 ;;
esac

cd "$(dirname "$0")/../../tests/firmware"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-../../target}/firmware
if [ -n "$cpu" ]; then
  export CARGO_TARGET_DIR=$CARGO_TARGET_DIR-$cpu RUSTFLAGS=-Ctarget-cpu=$cpu
fi
if [ -n "$level" ]; then
  export CARGO_TARGET_DIR=$CARGO_TARGET_DIR-$level CARGO_PROFILE_RELEASE_OPT_LEVEL=$level
fi
# core is built from its source, which stable allows under RUSTC_BOOTSTRAP.
RUSTC_BOOTSTRAP=1 cargo build --quiet --release --target "$target" --bin "$program" >&2
image=$CARGO_TARGET_DIR/$target/release/$program
case ${run[0]} in
  qemu-system-arm) exec "${run[@]}" "$@" -kernel "$image" ;;
  *) exec "${run[@]}" "$@" "$image" ;;
esac
