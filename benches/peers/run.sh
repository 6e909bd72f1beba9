#!/usr/bin/env bash
# Builds all peers and roshambo, measures them in turn, and writes the table into README.md.
#
#   benches/peers/run.sh                        what the README shows: some 10 minutes
#   benches/peers/run.sh --rounds 9 --seconds 3 takes more time
#   benches/peers/run.sh --dry                  prints the table, leaves README.md alone
#   benches/peers/run.sh --check                plays a game against every peer, measures nothing
#
# It needs cargo, a C compiler, node 20 and npm, and says so when one is missing. A peer's packages
# are the ones of its lock file. Nothing listens but on 127.0.0.1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fail() {
    echo "benches/peers/run.sh: $*" >&2
    exit 1
}
PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
for tool in cargo cc make node npm; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done

for peer in node-socketio4 node-ws; do
    echo "== $peer"
    npm ci --prefix "$peer" --no-audit --no-fund --silent
done
for peer in rust-socketioxide rust-tokio-tungstenite; do
    echo "== $peer"
    cargo build --release --locked --quiet --manifest-path "$peer/Cargo.toml" \
        --target-dir "$peer/target"
done
echo "== raw-epoll"
make -s -C raw-epoll OUT=build

cd ../..
if [ "${1:-}" != --check ]; then
    exec cargo bench --locked --bench peers -- "$@"
fi

# check NAME SKIPPED COMMAND...
check() {
    local name=$1 skipped=$2 port pid status=0
    shift 2
    port=$(node -e 'const s = require("net").createServer();
        s.listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
    echo "== $name"
    PORT=$port "$@" &
    pid=$!
    until (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        kill -0 "$pid" || fail "$name ended"
    done
    node benches/peers/check.mjs "$port" "$skipped" || status=$?
    kill "$pid"
    wait "$pid" 2>/dev/null || true
    [ "$status" -eq 0 ] || fail "$name plays another game"
}
check node-socketio4 --skip= node benches/peers/node-socketio4/server.js
check node-ws --skip= node benches/peers/node-ws/server.js
# It takes 2probe on a connection that began as a WebSocket for a bad packet, and closes.
check rust-socketioxide --skip=probe benches/peers/rust-socketioxide/target/release/peer-socketioxide
check rust-tokio-tungstenite --skip= \
    benches/peers/rust-tokio-tungstenite/target/release/peer-tokio-tungstenite
check raw-epoll --skip= benches/peers/raw-epoll/build/server
