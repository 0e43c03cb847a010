#!/bin/sh
# Makes a directory with Bun for musl and what it needs: Debian's musl, and a
# libstdc++ over it. Nobody packs the latter for Debian, so it is linked here out of
# the static one of this machine's gcc, with what glibc has and musl lacks. That is
# good enough for a test and for nothing else.
# Usage: make-musl.sh DIRECTORY
set -eu
cd "$(dirname "$0")/../.."

directory=$(realpath -m "$1")
bun=@oven/bun-linux-x64-musl@1.4.5

sh scripts/fetch-debs.sh amd64 bookworm "$directory.musl" '^musl$' musl >/dev/null
rm -rf "$directory.part"
mkdir -p "$directory.part/lib"
cd "$directory.part"
cp "$directory.musl/lib/x86_64-linux-musl/libc.so" lib/ld-musl-x86_64.so.1
ln -s ld-musl-x86_64.so.1 lib/libc.musl-x86_64.so.1
rm -rf "$directory.musl"
npm pack --silent "$bun" >/dev/null
tar -xzf oven-bun-*.tgz --strip-components=2 package/bin/bun
rm oven-bun-*.tgz

undefined() { readelf --wide --dyn-syms "$1" | awk '$7 == "UND" { sub(/@.*/, "", $8); print $8 }' | sort -u; }
defined() { readelf --wide --dyn-syms "$1" | awk '$7 != "UND" { sub(/@.*/, "", $8); print $8 }' | sort -u; }
undefined bun >wanted
defined lib/ld-musl-x86_64.so.1 >given
own() { gcc -print-file-name="$1"; }
gcc -O2 -fPIC -fno-stack-protector -c "$OLDPWD/test/install/musl.c" -o musl.o
# Tables of classes have their symbols in the program, which wants them nevertheless.
comm -23 wanted given | sed 's/^/-Wl,-u,/' | xargs gcc -shared -nostdlib -o lib/libstdc++.so.6 \
  -Wl,-soname,libstdc++.so.6 -Wl,-u,_ZTVN10__cxxabiv121__vmi_class_type_infoE \
  "$(own crtbeginS.o)" musl.o "$(own libstdc++.a)" "$(own libgcc_eh.a)" "$(own libgcc.a)" "$(own crtendS.o)"
rm wanted given musl.o
cd ..
mv "$directory.part" "$directory"
