#!/bin/sh
# Writes a tar archive of what the official images node:VERSION-bookworm-slim
# have, Debian 12 (or SUITE) and Node under /usr/local, made of packages of Debian and npm.
# Usage: make-base.sh NODE_VERSION NPM_VERSION WORK_DIRECTORY ARCHIVE [SUITE]
set -eu

node_version=$1
npm_version=$2
work=$3
archive=$4
suite=${5-bookworm}

parts=$(mktemp -d "$(realpath "$work")/base.XXXXXX")
trap 'rm -rf "$parts"' EXIT
rootfs=$parts/rootfs
mkdir "$parts/npm"

# The mirror that this machine installs from; without one mmdebstrap knows its own.
# shellcheck disable=SC2016 # apt-get's own
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
mmdebstrap --quiet --mode=root --variant=minbase "$suite" "$rootfs" ${mirror:+"$mirror"}

(
  cd "$parts/npm"
  arch=$(node -p process.arch)
  npm pack --silent "node-linux-$arch@$node_version" "npm@$npm_version"
  tar -xzf node-linux-*.tgz --strip-components=1 -C ../rootfs/usr/local package/bin package/include
  mkdir -p ../rootfs/usr/local/lib/node_modules/npm
  tar -xzf npm-*.tgz --strip-components=1 -C ../rootfs/usr/local/lib/node_modules/npm
)
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$rootfs/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$rootfs/usr/local/bin/npx"

tar -C "$rootfs" --numeric-owner -cf "$archive" .
