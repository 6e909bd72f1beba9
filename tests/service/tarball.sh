#!/usr/bin/env bash
# The tarball on a system that has nothing: its program runs where there is no library at all.
#
#   tests/service/tarball.sh roshambo-….tar.xz
set -euo pipefail

fail() {
    echo "tests/service/tarball.sh: $*" >&2
    exit 1
}

tarball=$(realpath "${1:?which tarball?}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar --extract --file "$tarball" --directory "$work" --strip-components 1
for file in roshambo README.md LICENSE crates systemd/roshambo.service systemd/redis.md systemd/default; do
    [ -f "$work/$file" ] || fail "$file is missing"
done
# The kernel finds no interpreter and no library there; /proc is missing, too.
said=$(chroot "$work" /roshambo --version) || fail "it does not run on its own"
echo "$said runs without any library, $(stat -c %s "$work/roshambo") bytes"
