#!/usr/bin/env bash
# The unit files in a root of their own: `systemd-analyze verify` has nothing to say, and the
# exposure of the service is at most 0.2 with socket activation, 0.9 without, and 0.2 as one of several.
# Needs systemd.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
units=$root/etc/systemd/system
install -D -m 644 -t "$units" systemd/*.service systemd/*.socket
# What the units name has to be there; what it is does not matter.
install -D -m 755 /bin/true "$root/usr/lib/roshambo/roshambo"
install -D -m 644 README.md "$root/usr/share/doc/roshambo/README.md"
for place in /usr/lib/systemd/system /lib/systemd/system; do
    [ ! -d "$place" ] || install -D -m 644 -t "$root/usr/lib/systemd/system" "$place"/*.target
done

# Nothing newer than systemd 249 (Ubuntu 22.04), which would only warn and leave a gap; what is newer
# belongs into a drop-in of its own, as backoff.conf.
newer='ExitType|RestrictFileSystems|LogFilterPatterns|OpenFile|RestartSteps|RestartMode|'
newer+='RestartMaxDelaySec|MemoryPressureWatch|MemoryPressureThresholdSec|MemoryZSwapMax|'
newer+='MemoryZSwapWriteback|MemoryKSM|ImportCredential|LoadCredentialEncrypted|'
newer+='SetCredentialEncrypted|CoredumpReceive|RootEphemeral|RootImagePolicy|PrivatePIDs|'
newer+='PrivateBPF|BindLogSockets|PollLimitBurst|PollLimitIntervalSec|PassFileDescriptorsToExec|'
newer+='SurviveFinalKillSignal|StartupMemoryMax|StartupMemoryHigh|DelegateSubgroup|'
newer+='FileDescriptorStorePreserve|DeferTrigger'
! grep -nE "^($newer)=" systemd/*.service systemd/*.socket systemd/{no-socket,tls,redis-*}.conf ||
    { echo "newer than systemd 249" >&2; exit 1; }

# exposure WHAT LIMIT [UNIT]: the score in tenths of a point may be at most that.
exposure() {
    local said
    said=$(systemd-analyze security --offline=true --root="$root" --no-pager \
        --threshold="$2" "${3:-roshambo.service}" 2>/dev/null) ||
        { echo "$said" | grep -v '✓' >&2; echo "$1: over $2 tenths" >&2; exit 1; }
    echo "$1: $(echo "$said" | grep -o 'Overall exposure.*')"
}

# verify WHAT: no word of complaint.
verify() {
    local said
    said=$(systemd-analyze verify --man=no --root="$root" \
        "$units"/*.service "$units"/*.socket 2>&1) || { echo "$1: $said" >&2; exit 1; }
    [ -z "$said" ] || { echo "$1: $said" >&2; exit 1; }
    echo "$1: verified"
}

verify "with socket activation"
exposure "with socket activation" 2
exposure "one of several" 2 roshambo@a.service
install -D -m 644 -t "$units/roshambo.service.d" systemd/tls.conf
verify "with TLS"
exposure "with TLS" 2
rm "$units/roshambo.service.d/tls.conf"
# Redis by its socket, and by TCP, for the one and for several.
for unit in roshambo.service roshambo@.service; do
    instance=${unit/@/@a}
    for drop_in in redis-socket:2 redis-tcp:9; do
        name=${drop_in%:*}
        install -D -m 644 -t "$units/$unit.d" "systemd/$name.conf"
        verify "$instance with $name.conf"
        exposure "$instance with $name.conf" "${drop_in#*:}" "$instance"
        rm -r "$units/$unit.d"
    done
done
install -D -m 644 -t "$units/roshambo.service.d" systemd/no-socket.conf
verify "without socket activation"
exposure "without socket activation" 9
