#!/usr/bin/env bash
# Builds what is installed elsewhere, from what lies in this repository:
#
#   systemd/package.sh deb       a Debian package, for Debian 12 and Ubuntu 22.04 or newer
#   systemd/package.sh tarball   a statically linked program with its units, for any other Linux
#   systemd/package.sh tree DIR  only the package's files, into DIR
#
# The result lies in target/package; its path is the last line that is printed. Needs cargo, and for
# the package dpkg-deb and objdump (binutils).
#
# Why not cargo-deb: it takes several minutes of a small machine to build, to write an archive that
# dpkg-deb writes in a second, and the maintainer scripts have to be written for it as well: those
# it can generate restart the sockets along with the service, which would refuse players.
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

# Which libraries are in the program, and under which licences.
crates() {
    cargo tree --locked --edges normal --prefix none --format '{p} {l}' |
        sed 's/ (\/[^)]*)//; s/ (\*)//; s/ (proc-macro)//' | sort -u
}

# tree DIR: everything that the package installs.
tree() {
    local root=$1 doc=$1/usr/share/doc/roshambo
    mkdir -p "$out"
    cargo build --release --locked
    install -D -m 755 "$target/release/roshambo" "$root/usr/bin/roshambo"
    install -D -m 644 -t "$root/lib/systemd/system" systemd/*.service systemd/*.socket
    install -D -m 644 systemd/deb/default "$root/etc/default/roshambo"
    install -D -m 644 systemd/deb/lintian-overrides "$root/usr/share/lintian/overrides/roshambo"
    install -D -m 644 -t "$doc" README.md README.zh-CN.md
    install -D -m 644 -t "$doc/examples" systemd/no-socket.conf systemd/backoff.conf \
        systemd/roshambo.sysctl systemd/roshambo.rules.yml
    # Those that other parts of the project bring.
    local example
    for example in systemd/cloud-init.yaml systemd/nginx/*; do
        [ ! -f "$example" ] || install -D -m 644 -t "$doc/examples" "$example"
    done
    crates >"$doc/crates"
    chmod 644 "$doc/crates"
    gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
    gzip -9n <systemd/deb/changelog >"$doc/changelog.Debian.gz"
    # The licence's first line is its name, then who, then the terms, as the format wants them.
    sed -n 's/^Copyright (c) /Copyright: /p' LICENSE >"$out/who"
    sed -e '1,/^Copyright/d' LICENSE | sed -e '/./,$!d' -e 's/^$/./' -e 's/^/ /' >"$out/terms"
    sed -e "/@COPYRIGHT@/{r $out/who
            d}" -e "/@LICENSE@/{r $out/terms
            d}" systemd/deb/copyright >"$doc/copyright"
    chmod 644 "$doc"/*.gz "$doc/copyright"
}

deb() {
    command -v dpkg-deb >/dev/null || fail "dpkg-deb is missing: this is for Debian and Ubuntu"
    command -v objdump >/dev/null || fail "objdump is missing: apt-get install binutils"
    local root=$out/deb architecture revision glibc
    rm -rf "$root"
    mkdir -p "$root/DEBIAN"
    tree "$root"
    architecture=$(dpkg --print-architecture)
    revision=$(sed -n '1s/.*(\(.*\)).*/\1/p' systemd/deb/changelog)
    [ "${revision%-*}" = "$version" ] ||
        fail "systemd/deb/changelog is about $revision, Cargo.toml about $version"
    # The newest symbol of glibc that the program wants says how old a system may be.
    glibc=$(objdump -T "$root/usr/bin/roshambo" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
    cat >"$root/DEBIAN/control" <<CONTROL
Package: roshambo
Version: $revision
Architecture: $architecture
Maintainer: The roshambo authors <roshambo@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: libc6 (>= ${glibc#GLIBC_}), libgcc-s1 (>= 4.2), init-system-helpers (>= 1.54~)
Recommends: nginx
Suggests: prometheus
Section: net
Priority: optional
Description: real-time server for rock-paper-scissors
 Players in browsers and WeChat mini programs meet over WebSocket or Socket.IO;
 who is alone plays against a robot. One thread, one process, no database.
 .
 The service listens on 127.0.0.1:9595 and /run/roshambo/roshambo.sock, behind
 sockets that stay open while it restarts. It is meant to stand behind nginx;
 an example is in /usr/share/doc/roshambo/examples.
CONTROL
    echo /etc/default/roshambo >"$root/DEBIAN/conffiles"
    local script
    for script in postinst prerm postrm; do
        install -m 755 "systemd/deb/$script" "$root/DEBIAN/$script"
    done
    (cd "$root" && find usr lib -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    settle "$root"
    local file=$out/roshambo_${revision}_$architecture.deb
    dpkg-deb --root-owner-group -Zxz --build "$root" "$file" >/dev/null
    echo "$file"
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
        systemd/no-socket.conf systemd/backoff.conf systemd/roshambo.sysctl systemd/roshambo.rules.yml
    install -m 644 systemd/deb/default "$root/systemd/default"
    local example
    for example in systemd/cloud-init.yaml systemd/nginx/*; do
        [ ! -f "$example" ] || install -D -m 644 -t "$root/systemd/examples" "$example"
    done
    crates >"$root/crates"
    settle "$root"
    tar --create --directory "$out" --sort=name --owner=0 --group=0 --numeric-owner "$name" |
        xz -9 >"$out/$name.tar.xz"
    echo "$out/$name.tar.xz"
}

case "${1:-}" in
deb) deb ;;
tarball) tarball ;;
tree) tree "${2:?systemd/package.sh tree DIR}" ;;
*) fail "deb, tarball or tree DIR?" ;;
esac
