#!/bin/sh
# Runs inside of the root that build-in-root.sh enters.
set -eu

GOROOT=$(echo /usr/lib/go-1.*)
export GOROOT GO111MODULE=off GOTELEMETRY=off GOPATH=/usr/share/gocode
"$GOROOT/bin/go" build -o /usr/bin/go_reader /mnt/go_reader.go

mkdir -p /root/.cargo
cat >/root/.cargo/config.toml <<'TOML'
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
TOML
rm -rf /root/rust
cp -r /mnt/rust /root/
cd /root/rust
cargo build --offline --release --quiet
cp target/release/rust_reader /usr/bin/
