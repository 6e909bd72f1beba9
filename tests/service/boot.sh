#!/usr/bin/env bash
# The package on a real systemd: a small Debian is made, the package installed into it and purged; then
# it is booted in a container without a network, and tests/service/boot.py run inside, which follows
# the README with its own commands. Needs root, debootstrap, openssl and systemd-nspawn, and a Debian
# mirror: DEBIAN_MIRROR, or the first of apt's own sources that is one.
#
#   tests/service/boot.sh roshambo_….deb
#
# The tree is made in target/debian and made anew each time; nothing outside is touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fail() {
    echo "tests/service/boot.sh: $*" >&2
    exit 1
}

deb=$(realpath "${1:?which package?}")
[ "$(id -u)" -eq 0 ] || fail "needs root: it makes a file system and boots it"
work=$(realpath "${CARGO_TARGET_DIR:-target}")/debian
tree=$work/tree
# Of the sources that this machine's apt uses itself the first that is Debian's main archive, which a
# path that ends in /debian tells; others, of Ubuntu or of a program's maker, have no Debian to offer.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    sed -n '\,/debian/*$,{p;q}')}
[ -n "$mirror" ] || fail "apt has no Debian mirror here: name one in DEBIAN_MIRROR"

rm -rf "$work"
mkdir -p "$work"
# python3 is for the checks, certificates and openssl for the authority that is played.
debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,python3,ca-certificates,openssl \
    bookworm "$tree" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }

# --- Installed and purged where no systemd runs: exactly the listed files come, and all go ---

files() {
    (cd "$tree" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache \
        -o -path ./var/lib/systemd -o -path ./proc \) -prune -o -print | sort)
}

cp "$deb" "$tree/first.deb"
files >"$work/before"
chroot "$tree" dpkg --install /first.deb >"$work/dpkg.log" 2>&1 ||
    { cat "$work/dpkg.log" >&2; fail "the package cannot be installed"; }
chroot "$tree" dpkg --verify roshambo
# Nobody but root may change what is installed.
strange=$(chroot "$tree" dpkg --listfiles roshambo |
    (cd "$tree" && xargs -I{} find .{} -maxdepth 0 \( -not -user 0 -o -perm /022 \) -not -type l))
[ -z "$strange" ] || fail "not root's alone: $strange"
[ "$(chroot "$tree" dpkg-query -W -f '${Conffiles}' roshambo | awk '{ print $1 }')" = \
    /etc/default/roshambo ] || fail "conffiles are not what they should be"
echo '# a line of mine' >>"$tree/etc/default/roshambo"
chroot "$tree" dpkg --remove roshambo >>"$work/dpkg.log" 2>&1
[ -f "$tree/etc/default/roshambo" ] || fail "a removal took the settings"
chroot "$tree" dpkg --purge roshambo >>"$work/dpkg.log" 2>&1
files >"$work/after"
diff "$work/before" "$work/after" || fail "a purge leaves something"
echo "installed, removed, purged: nothing is left"

# --- Booted ---

# apt WORDS: this machine's apt, with its way to the mirror, for the tree.
apt() {
    apt-get -o Dir="$tree" -o Dir::State::status="$tree/var/lib/dpkg/status" \
        -o APT::Sandbox::User=root -o Dir::Log="$work" -qq "$@" >>"$work/apt.log" 2>&1 ||
        { tail -20 "$work/apt.log" >&2; fail "apt $*"; }
}
# What systemd/README.md has apt install has to be there without a network; with what it recommends, since
# that is what the README gets.
apt update
apt install --download-only --yes nginx certbot python3-certbot-nginx curl redis-server
apt install --download-only --yes --no-install-recommends pebble cloud-init init-system-helpers
# A person says yes.
echo 'APT::Get::Assume-Yes "true";' >"$tree/etc/apt/apt.conf.d/99-test"
chroot "$tree" dpkg --install "/$(cd "$tree" && ls var/cache/apt/archives/pebble_*.deb)" \
    >>"$work/dpkg.log" 2>&1
install -m 644 -D -t "$tree/check" tests/service/*.py systemd/README.md systemd/cloud-init.yaml
# The authority's own https, which certbot has to believe.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj "/CN=the test" -addext subjectAltName=DNS:localhost \
    -keyout "$tree/check/pebble.key" -out "$tree/check/pebble.pem" 2>/dev/null
install -m 644 -D "$tree/check/pebble.pem" "$tree/usr/local/share/ca-certificates/acme.crt"
chroot "$tree" update-ca-certificates >>"$work/dpkg.log" 2>&1
cat >"$tree/check/pebble.json" <<'JSON'
{ "pebble": { "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
    "certificate": "/check/pebble.pem", "privateKey": "/check/pebble.key",
    "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": false } }
JSON
echo "127.0.0.1 localhost play.test bare.test cloud.test" >"$tree/etc/hosts"

cp "$deb" "$tree/root/"
# The same package under a higher version, for the upgrade.
rm -rf "$work/next"
dpkg-deb --raw-extract "$deb" "$work/next"
sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
dpkg-deb --root-owner-group --build "$work/next" "$tree/next.deb" >/dev/null
cat >"$tree/etc/systemd/system/check.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=exec
Environment=HOME=/root DEBIAN_FRONTEND=noninteractive
ExecStart=/usr/bin/python3 /check/boot.py
[Install]
WantedBy=default.target
UNIT
# A hung loop is found within the test's time. Rounds last long enough for dpkg to reach the restart
# while one is played, and end before --drain-timeout (10s) does.
install -d "$tree/etc/systemd/system/roshambo.service.d"
cat >"$tree/etc/systemd/system/roshambo.service.d/test.conf" <<'UNIT'
[Service]
WatchdogSec=2s
TimeoutAbortSec=1s
Environment=ROSHAMBO_ROBOT_AFTER=0 ROSHAMBO_GAME_TIME=8s
UNIT
install -d "$tree/etc/systemd/system/roshambo@.service.d"
cat >"$tree/etc/systemd/system/roshambo@.service.d/test.conf" <<'UNIT'
[Service]
Environment=ROSHAMBO_ROBOT_AFTER=0 ROSHAMBO_GAME_TIME=1s
UNIT
chroot "$tree" systemctl enable check.service >>"$work/dpkg.log" 2>&1
timeout 900 systemd-nspawn --quiet --directory "$tree" --boot --register=no --keep-unit \
    --private-network </dev/null >"$work/boot.log" 2>&1 || true
[ -f "$tree/result" ] || { tail -40 "$work/boot.log" >&2; fail "it did not boot"; }
cat "$tree/result"
[ "$(tail -1 "$tree/result")" = passed ] || fail "see above"
rm -rf "$work"
