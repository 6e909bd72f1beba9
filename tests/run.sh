#!/usr/bin/env bash
# The one test command. Without arguments it runs every part, with arguments the named ones:
#
#   tests/run.sh
#   tests/run.sh fmt clippy
#
# A part is a function `part_NAME`, listed in PARTS in the order they run. It works from any
# directory, reads nothing from its standard input, and stops at the first part that fails.
set -euo pipefail

PARTS=(fmt clippy test doc session browser miniprogram)

# --- parts ---

part_fmt() { cargo fmt --check; }
part_clippy() { cargo clippy --all-targets --locked -- -D warnings; }
part_test() { cargo test --locked; }
part_doc() { RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked; }

# The session module that both clients share, on a virtual clock.
part_session() { node --test tests/e2e/session/session.test.mjs; }

# The web client in a real Chromium against the real server; its pictures lie in
# tests/e2e/screenshots afterwards.
part_browser() {
    npm_ci tests/e2e/browser
    # One after the other: two browsers at once would only wait for each other.
    with_server node --test tests/e2e/browser/game.test.mjs
    with_server node --test tests/e2e/browser/gallery.test.mjs
}

# The mini program's own files on a stand-in of its platform against the real server.
part_miniprogram() {
    npm_ci tests/e2e/miniprogram
    with_server node --experimental-vm-modules --no-warnings --test \
        tests/e2e/miniprogram/miniprogram.test.mjs
}

# with_server COMMAND…: runs it with the path of the server that was built.
with_server() {
    local target
    cargo build --locked
    target=$(cargo metadata --locked --no-deps --format-version 1 |
        node -p 'JSON.parse(fs.readFileSync(0)).target_directory')
    ROSHAMBO_BIN="$target/debug/roshambo" "$@"
}

# npm_ci FOLDER: its packages, exactly as its lock file says; a copy of that file beside what was
# installed from it tells whether that is still right.
npm_ci() {
    (
        cd "$1"
        cmp -s package-lock.json node_modules/.installed && return
        npm ci --no-audit --no-fund
        cp package-lock.json node_modules/.installed
    )
}

# End-to-end parts with real clients, a real browser and a real nginx go here, as part_NAME.

# --- tools ---

fail() {
    echo "tests/run.sh: $*" >&2
    exit 1
}

# need COMMAND PACKAGE: a command from a Debian package, installed if it is missing and we may.
need() {
    command -v "$1" >/dev/null && return
    need_package "$2"
    command -v "$1" >/dev/null || fail "$1 is still missing after installing $2"
}

# need_package PACKAGE: a Debian package that is known to be missing.
need_package() {
    command -v apt-get >/dev/null || fail "$1 is missing; install it (that is its name on Debian)"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || fail "$1 is missing; install it: sudo apt-get install $1"
        as_root=(sudo -n)
    fi
    echo "== installing $1"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

# need_cargo COMPONENT: a part of the Rust toolchain, which rustup can bring.
need_cargo() {
    local output
    # A rustup proxy stands in the path even without the component, so asking for it is the test.
    output=$(cargo "$1" --version 2>&1) && return
    command -v rustup >/dev/null ||
        fail "cargo $1 is missing; on Debian it is in rustfmt or rust-clippy: $output"
    local component=$1
    [ "$1" = fmt ] && component=rustfmt
    echo "== installing $component"
    rustup component add "$component"
}

need_node() {
    need node nodejs
    need npm npm
    node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' ||
        fail "node 18 or newer is needed, this is $(node --version)"
}

# The browser, and letters for what it shows: without them a picture tells nothing.
need_browser() {
    need_node
    need chromium chromium
    need fc-list fontconfig
    [ -n "$(fc-list :lang=zh-cn)" ] || need_package fonts-noto-cjk
    [ -n "$(fc-list :lang=en)" ] || need_package fonts-dejavu-core
}

check_tools() {
    # rustup puts its tools there; a non-interactive shell may not have it in its path.
    [ -d "${CARGO_HOME:-$HOME/.cargo}/bin" ] && PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
    command -v cargo >/dev/null || fail "cargo is missing; install Rust from https://rustup.rs"
    # rustc links by it.
    need cc gcc
    local part
    for part in "$@"; do
        case $part in
        fmt | clippy) need_cargo "$part" ;;
        session | miniprogram) need_node ;;
        browser) need_browser ;;
        esac
    done
}

# --- the run ---

main() {
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    exec </dev/null
    [ $# -gt 0 ] || set -- "${PARTS[@]}"
    local part
    for part in "$@"; do
        case " ${PARTS[*]} " in
        *" $part "*) ;;
        *) fail "there is no part $part; parts: ${PARTS[*]}" ;;
        esac
    done
    check_tools "$@"

    local started part_started summary=""
    started=$SECONDS
    for part in "$@"; do
        echo "== $part"
        part_started=$SECONDS
        # In a subshell of its own, and not in a condition, which would switch `set -e` off in it.
        (
            trap 'status=$?; [ $status -eq 0 ] || echo "== $part FAILED" >&2' EXIT
            "part_$part"
        )
        summary+="   $part: $((SECONDS - part_started)) s"$'\n'
        echo "== $part passed after $((SECONDS - part_started)) s"
    done
    printf '== all passed after %s s\n%s' "$((SECONDS - started))" "$summary"
}

main "$@"
