#!/bin/sh
# Runs the integration suite on this machine's kernel, in a mount namespace of
# its own, and prints what a guest prints. Usage: here.sh NODE JEST
set -eu
mount -t tracefs tracefs /sys/kernel/tracing
mountpoint -q /sys/kernel/security || mount -t securityfs securityfs /sys/kernel/security
echo "@guest $(uname -r)"
status=0
"$1" "$2" --config test/kernels/jest.config.cjs --runInBand || status=$?
if [ -e "$FEATURES_FILE" ]; then sed 's/^/@feature /' "$FEATURES_FILE"; fi
echo "@end $status"
