#!/usr/bin/env bash
# Builds WebAssembly modules into a folder:
#
#   bash .ci/cross/wasm.sh FOLDER
#
# kldiv.wasm and kldiv-simd128.wasm are the C interface; the others, made of tests/wasm, hold one
# kernel alone, -small ones optimised for size, or the loops over libm that it is compared with.
set -euo pipefail
folder=$(realpath -m "${1:?usage: wasm.sh FOLDER}")
cd "$(dirname "$0")/../.."
base=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export RUSTC_BOOTSTRAP=1 # -Zbuild-std on the stable toolchain
options=(--quiet --release -Zbuild-std=core --target wasm32-unknown-unknown)
mkdir -p "$folder"

# build NAME FLAVOUR ARGUMENTS...: with simd128, or optimised for size, where the flavour says so
build() {
  local name=$1 flavour=$2 dir=$base/wasm$2 flags=-Clink-arg=-zstack-size=16384 level=3
  shift 2
  case $flavour in
    -simd128) flags="$flags -Ctarget-feature=+simd128" ;;
    -small) level=s ;;
  esac
  CARGO_TARGET_DIR=$dir RUSTFLAGS=$flags CARGO_PROFILE_RELEASE_OPT_LEVEL=$level cargo "$@"
  cp "$dir/wasm32-unknown-unknown/release/$module.wasm" "$folder/$name$flavour.wasm"
}

# Each flavour has a folder of its own and waits for one core most of the time: all at once.
modules() {
  local flavour=$1 kernel module
  if [ "$flavour" != -small ]; then
    module=kldiv
    build kldiv "$flavour" rustc "${options[@]}" --lib --no-default-features --features panic-handler --crate-type cdylib
  fi
  module=module
  for kernel in kl kl_log_target; do
    build "$kernel" "$flavour" build "${options[@]}" --manifest-path tests/wasm/Cargo.toml --features "$kernel"
  done
  [ -n "$flavour" ] ||
    build libm "" build "${options[@]}" --manifest-path tests/wasm/Cargo.toml --features plain_kl,plain_kl_log_target
}

running=()
for flavour in "" -simd128 -small; do
  modules "$flavour" &
  running+=($!)
done
for job in "${running[@]}"; do
  wait "$job"
done
