#!/bin/sh
# Runs a command as if on a machine that is in use: tracefs, debugfs, bpffs and
# securityfs are mounted, another program is loaded and attached, and the kernel
# measures programs. Needs root, and `make build`. What it mounts is seen by the
# command only. Usage: users-machine.sh COMMAND...
set -eu
cd "$(dirname "$0")/.."

if [ "${USERS_MACHINE-}" != 1 ]; then
  USERS_MACHINE=1 exec unshare --mount --propagation private sh scripts/users-machine.sh "$@"
fi
for type in tracefs:tracing debugfs:debug securityfs:security bpf:../fs/bpf; do
  directory=/sys/kernel/${type#*:}
  mountpoint -q "$directory" || mount -t "${type%:*}" "${type%:*}" "$directory"
done

switch=/proc/sys/kernel/bpf_stats_enabled
before=$(cat $switch)
node build/examples/exec-snoop.js >/dev/null 2>&1 &
trap 'kill $!; echo "$before" >$switch' EXIT
echo 1 >$switch
status=0
"$@" || status=$?
exit "$status"
