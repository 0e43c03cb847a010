#!/bin/sh
# Fetches the source package of a libbpf from Debian, and builds it as a static
# library. Installs nothing on the system.
# Usage: build-libbpf.sh RELEASE DIRECTORY
#   RELEASE: 1.5 or 1.7
# DIRECTORY is there only after all of it succeeded; lib/pkgconfig/libbpf.pc in it
# is what pkg-config needs.
set -eu

release=${1:-} directory=${2:-}
# The suite, the version, and the SHA-256 of the sources.
case $release in
  1.5) package='trixie 1.5.0-3 53492aff6dd47e4da04ef5e672d753b9743848bdb38e9d90eafbe190b7983c44' ;;
  1.7) package='sid 1.7.0-1 7ab5feffbf78557f626f2e3e3204788528394494715a30fc2070fcddc2051b7b' ;;
  *)
    sed -n 's/^# \(Usage: .*\)/\1/p' "$0" >&2
    exit 2
    ;;
esac
# shellcheck disable=SC2086 # three words
set -- $package
suite=$1 version=$2 hash=$3

if ! command -v apt-get >/dev/null 2>&1; then
  echo "build-libbpf.sh: apt-get is missing: this needs Debian" >&2
  exit 1
fi
# shellcheck disable=SC2016 # apt's variables
mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
  sed -n 's/^Debian //p' | head -n 1)
if [ -z "$mirror" ]; then
  echo "build-libbpf.sh: apt knows no Debian mirror to take libbpf from: run apt-get update" >&2
  exit 1
fi

rm -rf "$directory.part"
mkdir -p "$directory.part/apt/lists/partial" "$directory.part/apt/archives/partial"
part=$(cd "$directory.part" && pwd)
state=$part/apt
: >"$state/status"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
  >"$state/sources.list"
apt() {
  apt-get -qq -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
    -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state" \
    -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null "$@" >&2
}
apt update
(cd "$part" && apt source --download-only "libbpf=$version")
sources=$part/libbpf_${version%-*}.orig.tar.gz
echo "$hash  $sources" | sha256sum --check --quiet >&2

mkdir "$part/sources"
tar -C "$part/sources" --strip-components=1 -xzf "$sources"
env -u MAKEFLAGS make -s -C "$part/sources/src" -j"$(nproc)" BUILD_STATIC_ONLY=1 \
  OBJDIR="$part/objects" PREFIX="$part/installed" LIBDIR="$part/installed/lib" \
  CFLAGS='-O2 -g -fPIC' install install_pkgconfig >&2
# Who links a static libbpf needs what it uses too; and it is moved.
sed -i -e 's/^Requires\.private:/Requires:/' -e "s|^prefix=.*|prefix=\${pcfiledir}/../..|" \
  -e "s|^libdir=.*|libdir=\${prefix}/lib|" "$part/installed/lib/pkgconfig/libbpf.pc"
rm -rf "$directory"
mv "$part/installed" "$directory"
rm -rf "$part"
