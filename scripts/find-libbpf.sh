#!/bin/sh
# Prints the compiler or linker flags of the system's libbpf, or says what to
# install. Usage: find-libbpf.sh --cflags | --libs
set -eu

floor=1.0
if ! command -v pkg-config >/dev/null 2>&1; then
  echo "bpf-ringbuf: pkg-config is missing. Install it and libbpf's headers:" >&2
  echo "  Debian, Ubuntu: apt-get install pkg-config libbpf-dev" >&2
  echo "  Fedora:         dnf install pkgconf libbpf-devel" >&2
  exit 1
fi
if ! pkg-config --exists libbpf; then
  echo "bpf-ringbuf: libbpf's headers are missing (pkg-config finds no libbpf). Install them:" >&2
  echo "  Debian, Ubuntu: apt-get install libbpf-dev" >&2
  echo "  Fedora:         dnf install libbpf-devel" >&2
  exit 1
fi
if ! pkg-config --atleast-version="$floor" libbpf; then
  echo "bpf-ringbuf: libbpf $(pkg-config --modversion libbpf) is too old: $floor or newer is needed" >&2
  echo "  (Debian 12, Ubuntu 23.04 and Fedora 37 are the first releases that ship it)." >&2
  exit 1
fi
exec pkg-config "$1" libbpf
