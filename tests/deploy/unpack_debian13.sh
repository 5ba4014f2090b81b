#!/usr/bin/env bash
# Unpack what an older Debian lacks: PgBouncer that carries prepared statements, docker compose.
# They run out of /opt/debian13, PgBouncer with its own C library: nothing of the system changes.
set -euo pipefail
into=/opt/debian13
[ -x "$into/usr/libexec/docker/cli-plugins/docker-compose" ] && exit 0
[ "$(dpkg --print-architecture)" = amd64 ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
# The mirror of this machine, only with the other release's name.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/\?$' | head -1)
echo "deb $mirror trixie main" > "$work/sources.list"
apt="apt-get -q -o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=-
     -o Dir::State::lists=$work/lists -o Dir::Cache=$work/cache -o APT::Sandbox::User=root"
$apt update
cd "$work"
$apt download pgbouncer libc6 libcares2 libevent-2.1-7t64 libpam0g libssl3t64 libsystemd0 libcap2 \
  libaudit1 libcap-ng0 libzstd1 docker-compose
mkdir -p "$into"
for package in *.deb; do dpkg-deb -x "$package" "$into"; done
"$into/usr/lib64/ld-linux-x86-64.so.2" --library-path "$into/usr/lib/x86_64-linux-gnu" \
  "$into/usr/sbin/pgbouncer" --version
