#!/bin/sh
# Downloads Debian packages, with those that they depend on, of any release and
# architecture from the mirror that this machine's apt uses, and unpacks them
# into a directory. Installs nothing.
# Usage: fetch-debs.sh ARCH SUITE DIRECTORY PATTERN PACKAGE...
#   PATTERN: the packages to unpack, as an extended regular expression
# The directory is there only after all of it succeeded.
set -eu
cd "$(dirname "$0")/.."

if [ $# -lt 5 ]; then
  sed -n 's/^# \(Usage: .*\)/\1/p' "$0" >&2
  exit 2
fi
arch=$1 suite=$2 directory=$3 pattern=$4
shift 4

if ! command -v apt-get >/dev/null 2>&1; then
  echo "fetch-debs.sh: apt-get is missing: this needs Debian" >&2
  exit 1
fi

# "Debian URI" and "Debian-Security URI". apt knows the labels after an update.
list_mirrors() {
  # shellcheck disable=SC2016 # apt's variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | sort -u
}
mirror() { list_mirrors | sed -n "s/^$1 //p" | head -n 1; }
if [ -z "$(mirror Debian)" ]; then
  apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 update >/dev/null
fi
debian=$(mirror Debian)
security=$(mirror Debian-Security)
if [ -z "$debian" ]; then
  echo "fetch-debs.sh: apt's sources have no Debian mirror to take $suite from" >&2
  exit 1
fi

base=${suite%-backports}
# Backports have a low priority unless asked for.
target=
if [ "$suite" != "$base" ]; then target="-t $suite"; fi
state=$PWD/.cache/apt/$arch-$suite
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
: >"$state/status"
signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
{
  echo "deb $signed $debian $base main"
  # The unstable release has no security updates of its own.
  if [ -n "$security" ] && [ "$base" != sid ]; then echo "deb $signed $security $base-security main"; fi
  if [ "$suite" != "$base" ]; then echo "deb $signed $debian $suite main"; fi
} >"$state/sources.list"
apt() {
  command=$1
  shift
  "$command" -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::Retries=5 \
    -o Dir::State="$state" -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" \
    -o Dir::Cache="$state/cache" \
    -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null "$@"
}
apt apt-get -qq update >&2

# shellcheck disable=SC2086 # nothing or two words
chosen=$(apt apt-get $target -s --no-install-recommends install "$@" |
  sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -E "$pattern" || true)
if [ -z "$chosen" ]; then
  echo "fetch-debs.sh: $suite has no package of $arch like $pattern for $*" >&2
  exit 1
fi

rm -rf "$directory.part"
mkdir -p "$directory.part/debs"
(
  cd "$directory.part/debs"
  # shellcheck disable=SC2086 # one word per package
  apt apt-get -qq $target download $chosen
  for deb in *.deb; do dpkg-deb -x "$deb" ..; done
)
rm -rf "$directory" "$directory.part/debs"
mv "$directory.part" "$directory"
