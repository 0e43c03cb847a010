#!/bin/sh
# Builds the peers in Go and Rust, and installs the one in Python, in a root with
# Debian's packages that were only unpacked: in a mount namespace of its own, with
# this directory as /mnt. The file ROOT/versions says what is in it.
# Usage: build-in-root.sh ROOT
set -eu
root=$(realpath "$1")
cd "$(dirname "$0")"

version() { zcat "$root/usr/share/doc/$1"/changelog*.gz | sed -n '1s/.*(\([0-9]*:\)\{0,1\}\(.*\)).*/\2/p'; }

mkdir -p "$root/mnt" "$root/tmp" "$root/root"
cp bcc_reader.py "$root/usr/bin/bcc_reader"
# What the packages' own scripts would have set up.
ln -sf gcc "$root/usr/bin/cc"

# shellcheck disable=SC2016 # the inner shells'
ROOT=$root unshare --mount sh -euc '
  for path in proc sys dev; do mount --rbind /$path "$ROOT/$path"; done
  mount --bind . "$ROOT/mnt"
  exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/bin:/usr/sbin HOME=/root sh -eu /mnt/build.sh'

{
  echo "Go $(version golang-go), cilium/ebpf $(version golang-github-cilium-ebpf-dev)"
  echo "rustc $(version rustc)"
  echo "libbpf-rs $(version librust-libbpf-rs-dev)"
  echo "aya $(version librust-aya-dev)"
  echo "bcc $(version python3-bpfcc)"
  echo "bpftrace $(version bpftrace)"
} >"$root/versions"
