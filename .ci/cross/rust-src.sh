#!/usr/bin/env bash
# Installs the standard library's source (what `rustup component add rust-src`
# would install) for the installed rustc, from Debian's package rust-src of the
# same version, so that `cargo build -Zbuild-std` works where only Debian
# packages can be had. Does nothing when the source is there.
#
# Exit status 3: no Debian suite has this version any more, or this is no
# machine with Debian's apt. A caller should say so and leave out what needs
# -Zbuild-std.
#
# The mirror is the one that this machine's own apt is configured with. apt's
# state (lists, cache, sources) is kept in a temporary folder, so the system's
# is not changed. Signatures are checked with Debian's keyring.
set -euo pipefail

say() { printf 'rust-src: %s\n' "$*"; }
unavailable() { say "$*" >&2; exit 3; }

version=$(rustc --version | awk '{print $2}') # 1.95.0
base=${version%%-*}                           # drops -nightly, -beta.1
dest=$(rustc --print sysroot)/lib/rustlib/src/rust
mark=$dest/library/.from-debian               # holds the version of our install

installed() {
  [ -f "$dest/library/core/src/lib.rs" ] && [ -f "$dest/library/Cargo.lock" ] || return 1
  # A source without our mark was put there by rustup or by hand: keep it.
  [ ! -f "$mark" ] || [ "$(head -n1 "$mark")" = "$base" ]
}

if installed; then
  say "already installed for rustc $version"
  exit 0
fi

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for needed in /usr/bin/apt-get /usr/bin/dpkg-deb "$keyring"; do
  [ -f "$needed" ] || unavailable "no $needed: not a machine with Debian's apt"
done

# The archive's root, out of the sources that apt itself would fetch from. Works
# for one-line and deb822 sources alike. The security archive has no such suites.
mirrors=$(apt-get --print-uris update 2>/dev/null |
  sed -n "s#^'\([^']*\)/dists/.*#\1#p" | grep -v -- '-security' | sort -u || true)
[ -n "$mirrors" ] || unavailable "apt has no Debian source configured"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/cache/archives/partial" "$tmp/etc" "$tmp/deb"
: > "$tmp/status"
# apt.conf.d is still read: a proxy or a mirror's method may be set there.
apt_opts=(
  -o "Dir::Etc::SourceList=$tmp/etc/sources.list"
  -o "Dir::Etc::SourceParts=$tmp/etc/none.d"
  -o "Dir::Etc::Preferences=$tmp/etc/none"
  -o "Dir::Etc::PreferencesParts=$tmp/etc/none.d"
  -o "Dir::State=$tmp"
  -o "Dir::State::Lists=$tmp/lists"
  -o "Dir::State::status=$tmp/status"
  -o "Dir::Cache=$tmp/cache"
  -o "Dir::Cache::pkgcache="
  -o "Dir::Cache::srcpkgcache="
  -o "APT::Sandbox::User=root"
  -o "APT::Get::List-Cleanup=false"
  -o "Acquire::Languages=none"
  -o "Acquire::Check-Date=false"
  -o "Acquire::Retries=2"
  -o "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"
  -o "Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled=false"
  -o "Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled=false"
  -o "APT::Update::Post-Invoke="
  -o "APT::Update::Post-Invoke-Success="
)

# Leaves the package of version $base from suite $2 of mirror $1 in $tmp/deb.
fetch() {
  local mirror=$1 suite=$2 listed full=
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" > "$tmp/etc/sources.list"
  rm -rf "$tmp/lists"
  mkdir -p "$tmp/lists/partial"
  if ! apt-get "${apt_opts[@]}" -qq update >"$tmp/log" 2>&1; then
    say "$suite: not to be had, or not signed with a known key"
    return 1
  fi
  for listed in $(apt-cache "${apt_opts[@]}" madison rust-src 2>/dev/null | awk -F'|' '{print $2}'); do
    local upstream=${listed#*:}                 # 1.95.0+dfsg1-2~bpo13+1, its epoch dropped
    [ "${upstream%%[-+~]*}" != "$base" ] || full=$listed
  done
  if [ -z "$full" ]; then
    say "$suite: has no rust-src $base"
    return 1
  fi
  say "$suite: fetching rust-src $full"
  (cd "$tmp/deb" && apt-get "${apt_opts[@]}" -qq download "rust-src=$full" >>"$tmp/log" 2>&1) || {
    tail -n 3 "$tmp/log" >&2
    return 1
  }
}

fetch_any() {
  local mirror suite
  for mirror in $mirrors; do
    for suite in trixie-backports bookworm-backports forky-backports trixie forky sid bookworm; do
      ! fetch "$mirror" "$suite" || return 0
    done
  done
  return 1
}
fetch_any || unavailable "no suite has $base; without it there is no -Zbuild-std"

# Only the library is unpacked, not the compiler's own source.
mkdir "$tmp/x"
dpkg-deb --fsys-tarfile "$tmp"/deb/rust-src_*.deb |
  tar -x -C "$tmp/x" --wildcards './usr/src/rustc-*/library' './usr/src/rustc-*/Cargo.lock'
from=$(echo "$tmp"/x/usr/src/rustc-*)
printf '%s\n' "$base" > "$from/library/.from-debian"
mkdir -p "$dest"
rm -rf "$dest/library.new"
cp -a "$from/library" "$dest/library.new"
rm -rf "$dest/library"
mv "$dest/library.new" "$dest/library"
cp "$from/Cargo.lock" "$dest/Cargo.lock" 2>/dev/null || true
installed || { say "the installed source is incomplete" >&2; exit 1; }
say "installed rust-src $base in $SECONDS s"
