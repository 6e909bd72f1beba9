#!/usr/bin/env bash
# The one test command. Without arguments it runs every part, with arguments the named ones:
#
#   tests/run.sh
#   tests/run.sh fmt clippy
#
# A part is a function `part_NAME`, listed in PARTS in the order they run. It works from any
# directory, reads nothing from its standard input, and stops at the first part that fails.
set -euo pipefail

PARTS=(fmt clippy test soak doc)

# --- parts ---

part_fmt() { cargo fmt --check; }
part_clippy() { cargo clippy --all-targets --locked -- -D warnings; }
part_test() { cargo test --locked; }
# With all assertions on, the ordinary tests' soak is small; this is the whole short form.
part_soak() { cargo test --release --locked --test soak -- --nocapture; }
part_doc() { RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked; }

# End-to-end parts with real clients, a real browser and a real nginx go here, as part_NAME.

# --- tools ---

fail() {
    echo "tests/run.sh: $*" >&2
    exit 1
}

# need COMMAND PACKAGE: a command from a Debian package, installed if it is missing and we may.
need() {
    command -v "$1" >/dev/null && return
    command -v apt-get >/dev/null || fail "$1 is missing; install it (on Debian: package $2)"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || fail "$1 is missing; install it: sudo apt-get install $2"
        as_root=(sudo -n)
    fi
    echo "== installing $2 (for $1)"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$2" >/dev/null
    command -v "$1" >/dev/null || fail "$1 is still missing after installing $2"
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
