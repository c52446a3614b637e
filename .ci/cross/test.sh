#!/usr/bin/env bash
# Runs `cargo test` for a target that is not the host's, under an emulator:
#
#   bash .ci/cross/test.sh aarch64-unknown-linux-gnu [arguments to cargo test...]
#   bash .ci/cross/test.sh wasm32-wasip1 [...]
#   bash .ci/cross/test.sh wasm32-wasip1+simd128 [...]
#
# Run it in the crate's folder, after setup.sh and rust-src.sh. The standard
# library is built from its source on the first run of a target (about a minute
# on two cores) and kept in the target folder.
#
# QEMU_CPU=cortex-a53 (or neoverse-n1, max, ...) chooses the AArch64 processor.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: test.sh TARGET [arguments to cargo test...]}
shift

export RUSTC_BOOTSTRAP=1 # -Zbuild-std on the stable toolchain
case $target in
  aarch64-unknown-linux-gnu)
    std=-Zbuild-std
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu"
    ;;
  wasm32-wasip1 | wasm32-wasip1+simd128)
    std=-Zbuild-std=std,panic_abort,test
    wasi=/usr/lib/wasm32-wasi
    RUSTFLAGS="${RUSTFLAGS:-} -Clink-self-contained=no -Clink-arg=$wasi/crt1-command.o -Clink-arg=-L$wasi"
    [ "$target" = wasm32-wasip1 ] || RUSTFLAGS="$RUSTFLAGS -Ctarget-feature=+simd128"
    target=wasm32-wasip1
    export RUSTFLAGS
    export CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $here/wasi-run.mjs"
    ;;
  *)
    echo "test: no recipe for $target" >&2
    exit 2
    ;;
esac
exec cargo test "$std" --target "$target" "$@"
