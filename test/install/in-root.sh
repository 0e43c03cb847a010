#!/bin/sh
# Runs a command in a folder, in a copy of a root directory that goes away with it.
# Usage: [IN_ROOT_NODE=FILE] in-root.sh ROOT FOLDER COMMAND...
#   IN_ROOT_NODE: the Node that is there instead of the root's own
set -eu

if [ "${IN_ROOT-}" != 1 ]; then
  IN_ROOT=1 exec unshare --mount --propagation private sh "$0" "$@"
fi
lower=$1
folder=$2
shift 2

over=/mnt
mount -t tmpfs tmpfs $over
root=$over/root
mkdir $over/upper $over/work $root
mount -t overlay -o "lowerdir=$lower,upperdir=$over/upper,workdir=$over/work" overlay $root
for name in proc sys dev; do mount --rbind /$name $root/$name; done
mkdir -p $root/work $root/etc/ssl/certs
mount --bind "$folder" $root/work
if [ -n "${IN_ROOT_NODE-}" ]; then mount --bind "$IN_ROOT_NODE" $root/usr/local/bin/node; fi
# The network, and npm's cache: what a registry that is warm gives at once.
cp -L /etc/resolv.conf /etc/hosts $root/etc/
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  cp /etc/ssl/certs/ca-certificates.crt $root/etc/ssl/certs/
fi
mkdir -p "$HOME/.npm" $root/root/.npm
mount --bind "$HOME/.npm" $root/root/.npm
# shellcheck disable=SC2016 # of the shell inside
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec chroot $root sh -c 'cd /work && exec "$@"' sh "$@"
