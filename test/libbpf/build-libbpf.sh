#!/bin/sh
# Builds a libbpf as a static library. Installs nothing on the system.
# Usage: build-libbpf.sh SOURCES DIRECTORY
# DIRECTORY is there only after all of it succeeded; lib/pkgconfig/libbpf.pc in it
# is what pkg-config needs.
set -eu

if [ $# != 2 ]; then
  sed -n 's/^# \(Usage: .*\)/\1/p' "$0" >&2
  exit 2
fi
sources=$1 directory=$2

rm -rf "$directory.part"
mkdir -p "$directory.part"
part=$(cd "$directory.part" && pwd)
env -u MAKEFLAGS make -s -C "$sources/src" -j"$(nproc)" BUILD_STATIC_ONLY=1 \
  OBJDIR="$part/objects" PREFIX="$part/installed" LIBDIR="$part/installed/lib" \
  CFLAGS='-O1 -fPIC' install install_pkgconfig >&2
# Who links a static libbpf needs what it uses too; and it is moved.
sed -i -e 's/^Requires\.private:/Requires:/' -e "s|^prefix=.*|prefix=\${pcfiledir}/../..|" \
  -e "s|^libdir=.*|libdir=\${prefix}/lib|" "$part/installed/lib/pkgconfig/libbpf.pc"
rm -rf "$directory"
mv "$part/installed" "$directory"
rm -rf "$part"
