#!/usr/bin/env bash
# The package on a real systemd: a small Debian is made, the package installed into it, booted in a
# container, and tests/service/boot.py run inside. Needs root, debootstrap and systemd-nspawn, and a
# Debian mirror (DEBIAN_MIRROR).
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
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

rm -rf "$work"
mkdir -p "$work"
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,python3-minimal \
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

chroot "$tree" dpkg --install /first.deb >>"$work/dpkg.log" 2>&1
# The same package under a higher version, for the upgrade.
rm -rf "$work/next"
dpkg-deb --raw-extract "$deb" "$work/next"
sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
dpkg-deb --root-owner-group --build "$work/next" "$tree/next.deb" >/dev/null
install -m 755 tests/service/boot.py "$tree/boot.py"
cat >"$tree/etc/systemd/system/check.service" <<'UNIT'
[Unit]
After=roshambo.service
[Service]
Type=exec
ExecStart=/usr/bin/python3 /boot.py
[Install]
WantedBy=multi-user.target
UNIT
# A hung loop is found within the test's time; rounds are short.
install -d "$tree/etc/systemd/system/roshambo.service.d"
cat >"$tree/etc/systemd/system/roshambo.service.d/test.conf" <<'UNIT'
[Service]
WatchdogSec=2s
TimeoutAbortSec=1s
Environment=ROSHAMBO_ROBOT_AFTER=0 ROSHAMBO_GAME_TIME=3s
UNIT
chroot "$tree" systemctl enable check.service >>"$work/dpkg.log" 2>&1
timeout 300 systemd-nspawn --quiet --directory "$tree" --boot --register=no --keep-unit \
    --private-network </dev/null >"$work/boot.log" 2>&1 || true
[ -f "$tree/result" ] || { tail -40 "$work/boot.log" >&2; fail "it did not boot"; }
cat "$tree/result"
[ "$(tail -1 "$tree/result")" = passed ] || fail "see above"
rm -rf "$work"
