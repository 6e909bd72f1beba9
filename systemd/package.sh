#!/usr/bin/env bash
# Builds what is installed elsewhere, from what lies in this repository:
#
#   systemd/package.sh deb       a Debian package, for Debian 12 and Ubuntu 22.04 or newer
#   systemd/package.sh tarball   a statically linked program with its units, for any other Linux
#
# The result lies in target/package; its path is the last line that is printed. What is in the package
# stands in Cargo.toml, [package.metadata.deb]; this builds what is named there and not in the
# repository, and calls cargo-deb. The tarball needs cargo and xz alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-target}
out=$target/package
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
machine=$(uname -m)

fail() {
    echo "systemd/package.sh: $*" >&2
    exit 1
}

# The same commit gives the same bytes: all files get its date.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
settle() {
    find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

# Which libraries are in the package's program, and under which licences.
crates() {
    cargo tree --locked --features redis --edges normal --prefix none --format '{p} {l}' |
        sed 's/ (\/[^)]*)//; s/ (\*)//; s/ (proc-macro)//' | sort -u
}

# made DIR PROGRAM: what is derived from other files, into DIR.
made() {
    local into=$1 program=$2
    mkdir -p "$into"
    "$program" --man >"$into/roshambo.1"
    gzip -9nkf "$into/roshambo.1"
    # What people type; the program itself lies in a folder of its own, which the unit names.
    # The link leads somewhere here, too, or it would not be taken for a file that is there.
    install -D -m 755 "$program" "$into/usr/lib/roshambo/roshambo"
    mkdir -p "$into/usr/bin"
    ln -sfn ../lib/roshambo/roshambo "$into/usr/bin/roshambo"
    crates >"$into/crates"
    gzip -9n <CHANGELOG.md >"$into/changelog.gz"
    # The licence's first line is its name, then who, then the terms, as the format wants them.
    sed -n 's/^Copyright (c) /Copyright: /p' LICENSE >"$into/who"
    sed -e '1,/^Copyright/d' LICENSE | sed -e '/./,$!d' -e 's/^$/./' -e 's/^/ /' >"$into/terms"
    sed -e "/@COPYRIGHT@/{r $into/who
            d}" -e "/@LICENSE@/{r $into/terms
            d}" systemd/deb/copyright >"$into/copyright"
}

deb() {
    # It comes with dpkg-dev; cargo-deb asks it for $auto.
    command -v dpkg-shlibdeps >/dev/null || fail "dpkg-dev is missing: apt-get install dpkg-dev"
    command -v cargo-deb >/dev/null || fail "cargo-deb is missing: systemd/README.md, Deploy, step 1"
    local revision
    revision=$(sed -n '1s/.*(\(.*\)).*/\1/p' systemd/deb/changelog)
    [ "${revision%-*}" = "$version" ] ||
        fail "systemd/deb/changelog is about $revision, Cargo.toml about $version"
    cargo build --release --locked --features redis
    made "$target/release/package" "$target/release/roshambo"
    mkdir -p "$out"
    cargo deb --quiet --no-build --no-strip --deb-revision "${revision##*-}" --output "$out"
}

tarball() {
    mkdir -p "$out"
    local triple=$machine-unknown-linux-gnu name=roshambo-$version-linux-$machine
    local root=$out/$name
    rm -rf "$root"
    # A triple that is named keeps the flag away from build scripts and procedural macros, which
    # cannot be static.
    RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" \
        cargo build --release --locked --target "$triple"
    install -D -m 755 "$target/$triple/release/roshambo" "$root/roshambo"
    install -m 644 README.md README.zh-CN.md CHANGELOG.md LICENSE "$root"
    install -D -m 644 -t "$root/systemd" systemd/*.service systemd/*.socket \
        systemd/no-socket.conf systemd/tls.conf systemd/redis-*.conf systemd/backoff.conf \
        systemd/roshambo.sysctl systemd/roshambo.rules.yml \
        systemd/README.md systemd/README.zh-CN.md systemd/redis.md
    install -m 755 systemd/install-certificate "$root/systemd"
    install -m 644 systemd/deb/default "$root/systemd/default"
    install -D -m 644 -t "$root/systemd/examples" systemd/cloud-init.yaml systemd/nginx/*.conf \
        systemd/examples/*
    made "$out/made" "$root/roshambo"
    install -m 644 "$out/made/roshambo.1" "$out/made/crates" "$root"
    settle "$root"
    tar --create --directory "$out" --sort=name --owner=0 --group=0 --numeric-owner "$name" |
        xz -9 >"$out/$name.tar.xz"
    echo "$out/$name.tar.xz"
}

case "${1:-}" in
deb) deb ;;
tarball) tarball ;;
*) fail "deb or tarball?" ;;
esac
