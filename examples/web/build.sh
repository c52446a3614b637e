#!/usr/bin/env bash
# Makes the folder that a web server serves: the page, kldiv.mjs with its two WebAssembly modules, and
# the digits.
#
#   bash examples/web/build.sh [PATTERN] [FOLDER]
#   python3 -m http.server --directory target/web
#
# PATTERN says which functions of kldiv.h the modules have, by their names: '_f32$' for one type, or
# '(reduce|softmax)_f32$' for two functions. Without it they have them all. FOLDER is target/web.
set -euo pipefail
cd "$(dirname "$0")/../.."
pattern=${1:-.}
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
folder=$(realpath -m "${2:-$target/web}")

sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
linker=$sysroot/lib/rustlib/$host/bin/rust-lld
[ -x "$linker" ] || { echo "no linker at $linker" >&2; exit 1; }

options=(--quiet --release --lib --no-default-features --features panic-handler,half --crate-type staticlib
  --target wasm32-unknown-unknown)
if [ ! -d "$sysroot/lib/rustlib/wasm32-unknown-unknown" ]; then
  [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ] ||
    { echo "rustup target add wasm32-unknown-unknown, please" >&2; exit 1; }
  # The standard library's source is there instead: its core can be built along.
  options+=(-Zbuild-std=core)
  export RUSTC_BOOTSTRAP=1
fi

exports=(--export=__heap_base --export=kldiv_message)
for function in $(grep -oE '\bkldiv_[a-z0-9_]+\(' src/ffi/kldiv.h | tr -d '(' | sort -u | grep -E "$pattern"); do
  exports+=(--export="$function")
done

mkdir -p "$folder"
for flavour in "" -simd128; do
  flags=-Clink-arg=-zstack-size=16384 # as .ci/cross/wasm.sh has it, whose core is used again
  [ -z "$flavour" ] || flags="$flags -Ctarget-feature=+simd128"
  RUSTFLAGS=$flags CARGO_TARGET_DIR=$target/wasm$flavour CARGO_PROFILE_RELEASE_OPT_LEVEL=3 cargo rustc "${options[@]}"
  "$linker" -flavor wasm --no-entry --gc-sections --strip-all -z stack-size=16384 "${exports[@]}" \
    "$target/wasm$flavour/wasm32-unknown-unknown/release/libkldiv.a" -o "$folder/kldiv$flavour.wasm"
done
cp examples/web/*.{html,css,mjs,d.ts,d.mts} examples/data/*.npy "$folder"

cd "$folder"
for module in kldiv.wasm kldiv-simd128.wasm; do
  echo "$module: $(wc -c <"$module") bytes, $(gzip -9c "$module" | wc -c) compressed"
done
