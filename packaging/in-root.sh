#!/bin/sh
# Runs a command in a root with the packages of an older Debian, which were only
# unpacked: in a mount namespace of its own, where /mnt has repo (this repository),
# bin/node (this machine's), node (its headers), sources, out, and zig with zig-cache
# when they are given.
# Usage: [ZIG=DIRECTORY ZIG_CACHE=DIRECTORY] in-root.sh ROOT NODE_HEADERS SOURCES OUT COMMAND...
set -eu
cd "$(dirname "$0")/.."

if [ $# -lt 5 ]; then
  sed -n 's/^# \(Usage: .*\)/\1/p' "$0" >&2
  exit 2
fi
if [ "$(id -u)" != 0 ]; then
  echo "in-root.sh: changing the root directory needs root, run it with sudo" >&2
  exit 1
fi
mkdir -p "$1/mnt" "$4"
ROOT=$(realpath "$1") HEADERS=$(realpath "$2") SOURCES=$(realpath "$3") OUT=$(realpath "$4")
NODE=$(node -p process.execPath)
export ROOT HEADERS SOURCES OUT NODE
shift 4

# shellcheck disable=SC2016 # the inner shell's
exec unshare --mount --propagation private sh -euc '
  mount -t tmpfs tmpfs "$ROOT/mnt"
  bind() {
    mkdir -p "$ROOT/mnt/$2"
    mount --bind "$1" "$ROOT/mnt/$2"
  }
  bind . repo
  bind "$HEADERS" node
  bind "$(dirname "$NODE")" bin
  bind "$SOURCES" sources
  bind "$OUT" out
  if [ -n "${ZIG-}" ]; then
    mkdir -p "$ZIG_CACHE"
    bind "$ZIG" zig
    bind "$ZIG_CACHE" zig-cache
  fi
  mount --rbind /dev "$ROOT/dev"
  mount --rbind /proc "$ROOT/proc"
  exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/bin:/bin LC_ALL=C SOURCE_DATE_EPOCH=0 "$@"' sh "$@"
