#!/bin/sh
# Installs the Debian packages that building and testing need, when some are
# missing, and checks the versions of libbpf and Node. With --check it installs
# nothing, and fails when something is missing.
# Usage: install-packages.sh [--check] [--GROUP]...
#   GROUP: what some targets need as well
set -eu
cd "$(dirname "$0")/.."

check=
if [ "${1-}" = --check ]; then
  check=1
  shift
fi

missing=
need() { # PACKAGE COMMAND...: COMMAND fails when PACKAGE is not installed
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}

# Debian calls it llvm-strip, or llvm-strip-14 where only llvm-14 is installed.
has_llvm_strip() { command -v llvm-strip || ls /usr/bin/llvm-strip-[0-9]*; }

# Since Debian 13 the tools have other names than those written in Python.
has_bcc_tools() { test -x /usr/sbin/syscount || test -x /usr/sbin/syscount-libbpf; }

need clang command -v clang
need llvm has_llvm_strip
need pkg-config command -v pkg-config
need libbpf-dev pkg-config --exists libbpf
need libelf-dev pkg-config --exists libelf
need zlib1g-dev pkg-config --exists zlib
need make command -v make
need g++ command -v g++
need python3 command -v python3
for group; do
  case $group in
  --lint)
    need clang-format command -v clang-format
    need clang-tidy command -v clang-tidy
    need shellcheck command -v shellcheck
    ;;
  --model)
    need spin command -v spin
    ;;
  --kernels)
    need qemu-system-x86 command -v qemu-system-x86_64
    need busybox-static test -x /bin/busybox
    need binutils command -v readelf
    need util-linux command -v setpriv
    ;;
  --arm64)
    need qemu-system-arm command -v qemu-system-aarch64
    need g++-aarch64-linux-gnu command -v aarch64-linux-gnu-g++
    need binutils command -v readelf
    ;;
  --test)
    need iproute2 command -v ip
    need openssl command -v openssl
    need libbpf-tools has_bcc_tools
    need strace command -v strace
    ;;
  --install)
    need binutils command -v readelf
    need mmdebstrap command -v mmdebstrap
    need libcap2-bin command -v setcap
    ;;
  --container)
    need podman command -v podman
    need runc command -v runc
    need mmdebstrap command -v mmdebstrap
    ;;
  *)
    echo "install-packages.sh: unknown group $group" >&2
    exit 2
    ;;
  esac
done

if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing:$missing. Install your distribution's packages of them (on Debian, Ubuntu: sudo apt-get install -y$missing)" >&2
    exit 1
  elif [ "$(id -u)" != 0 ]; then
    echo "Missing packages: run 'sudo apt-get install -y$missing'" >&2
    exit 1
  elif [ -n "$check" ]; then
    echo "Missing packages: run 'apt-get install -y$missing', or make again with INSTALL=1" >&2
    exit 1
  fi
  echo "  APT      ${missing# }"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  export DEBIAN_FRONTEND=noninteractive
  # Another apt may be at work on a machine that has just booted, and a mirror too busy.
  apt() { apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 "$@"; }
  # shellcheck disable=SC2086 # one word per package
  if ! { apt update && apt install -y --no-install-recommends $missing; } \
    >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "apt-get could not install:$missing" >&2
    exit 1
  fi
fi

sh scripts/find-libbpf.sh --libs >/dev/null

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
  echo "Node or npm is missing: install Node 20 or newer, with npm (https://nodejs.org)" >&2
  exit 1
fi
if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
  echo "Node $(node --version) is too old: 20 or newer is needed" >&2
  exit 1
fi
