#!/bin/sh
# Runs the integration suite on this machine's kernel, in a mount namespace of
# its own, and prints what a guest prints. Usage: here.sh NODE JEST
set -eu
for name in tracing:tracefs security:securityfs; do
  directory=/sys/kernel/${name%:*}
  mountpoint -q "$directory" || mount -t "${name#*:}" "${name#*:}" "$directory"
done
echo "@guest $(uname -r)"
status=0
"$1" "$2" --config test/kernels/jest.config.cjs --runInBand || status=$?
if [ -e "$FEATURES_FILE" ]; then sed 's/^/@feature /' "$FEATURES_FILE"; fi
echo "@end $status"
