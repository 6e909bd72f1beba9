#!/usr/bin/env bash
# Two instances that share a Redis, whole games on both: how many results are told and settled a second,
# what that costs Redis, and how many bytes a player has there. The game's rounds last three seconds, as by
# default.
#
#   benches/instances.sh [PLAYERS [SECONDS]]     20000 of both together, for 30 s
#
# It needs redis-server, redis-cli, curl and a server with the feature redis: ROSHAMBO_BIN, or
# target/release/roshambo. All of it lies in a folder of its own, and is gone afterwards.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

players=${1:-20000}
seconds=${2:-30}
bin=${ROSHAMBO_BIN:-target/release/roshambo}
folder=$(mktemp -d)
children=()
end() {
    [ ${#children[@]} -eq 0 ] || kill "${children[@]}" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap end EXIT

redis() { redis-cli -s "$folder/redis.sock" "$@"; }
# info NAME: a figure that Redis tells of itself.
info() { redis info | tr -d '\r' | sed -n "s/^$1://p"; }
cpu() { echo "$(info used_cpu_user) $(info used_cpu_sys)" | awk '{ print $1 + $2 }'; }
# metric LETTER NAME: a figure of an instance.
metric() { curl -s --unix-socket "$folder/$1.admin" http://a/metrics | sed -n "s/^$2 //p"; }
both() { echo $(($(metric a "$1") + $(metric b "$1"))); }

redis-server --port 0 --unixsocket "$folder/redis.sock" --dir "$folder" --save '' --appendonly yes \
    --maxmemory-policy noeviction >"$folder/redis.log" &
children+=($!)
until redis ping >"$folder/ping" 2>&1 && grep -q PONG "$folder/ping"; do sleep 0.1; done
empty=$(info used_memory)

declare -A process
for letter in a b; do
    "$bin" --instance $letter --store "redis+unix://$folder/redis.sock" --listen "unix:$folder/$letter.sock" \
        --admin "unix:$folder/$letter.admin" --rate-limit 0 --relay-interval 0 --max-per-address 0 \
        --max-connections 60000 --max-sessions 100000 --log-level warn 2>"$folder/$letter.log" &
    process[$letter]=$!
    children+=($!)
done
for letter in a b; do
    until [ -S "$folder/$letter.admin" ] && [ -n "$(metric $letter roshambo_sessions_owed)" ]; do sleep 0.1; done
done

written=$(both roshambo_store_committed_total)
busy=$(cpu)
begun=$(date +%s.%N)
clients=()
for letter in a b; do
    "$bin" bench "unix:$folder/$letter.sock" games --dialect plain --v2 --count $((players / 2)) \
        --seconds "$seconds" --pid "${process[$letter]}" --quiet >"$folder/$letter.bench" &
    clients+=($!)
done
failed=
for client in "${clients[@]}"; do wait "$client" || failed=1; done
until [ "$(both roshambo_sessions_owed)" = 0 ]; do sleep 0.1; done
took=$(echo "$(date +%s.%N) $begun" | awk '{ print $1 - $2 }')
written=$(($(both roshambo_store_committed_total) - written))
busy=$(echo "$(cpu) $busy" | awk '{ print $1 - $2 }')
kept=$(redis zcard roshambo:used)
bytes=$(($(info used_memory) - empty))

cat "$folder/a.bench" "$folder/b.bench"
awk -v n="$written" -v t="$took" -v c="$busy" -v k="$kept" -v b="$bytes" 'BEGIN {
    printf "\n%d orders in %.0f s: %.0f a second\n", n, t, n / t
    printf "Redis: %.1f s of a core, %.0f %%; %.0f µs an order\n", c, 100 * c / t, 1e6 * c / n
    printf "%d players with points: %.0f bytes each\n", k, k ? b / k : 0
}'
[ -z "$failed" ]
