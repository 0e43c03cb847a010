#!/bin/busybox sh
# shellcheck shell=dash
# The first process of a guest: runs the integration suite, or with STRESS_SECONDS
# the stress test, and powers off. What it must know is in its environment, from
# the kernel's command line.
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin HOME=/tmp CI=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
mount -t tracefs tracefs /sys/kernel/tracing
mount -t securityfs securityfs /sys/kernel/security
ip link set lo up
dmesg -n 1
cd /repo || exit 1
echo "@guest $(uname -r)"
if [ -n "$STRESS_SECONDS" ]; then
  node --expose-gc build/test/stress/stress.js --json \
    --duration "$STRESS_SECONDS" --threads "$STRESS_THREADS" >/tmp/stress
  status=$?
  sed 's/^{/@stress {/' /tmp/stress
else
  export FEATURES_FILE=/tmp/features
  node node_modules/jest/bin/jest.js --config test/kernels/jest.config.cjs --runInBand
  status=$?
  if [ -e $FEATURES_FILE ]; then sed 's/^/@feature /' $FEATURES_FILE; fi
fi
dmesg | grep -E 'BUG:|WARNING:|Oops:' | sed 's/^/@kernel /'
echo "@end $status"
poweroff -f
