#!/usr/bin/env bash
# The one test command. Without arguments it runs every part, with arguments the named ones; quick is
# what to run while something is changed:
#
#   tests/run.sh
#   tests/run.sh quick
#   tests/run.sh fmt clippy
#
# A part is a function `part_NAME`, listed in PARTS in the order they run. It works from any
# directory, reads nothing from its standard input, and stops at the first part that fails.
set -euo pipefail

# About three minutes on two cores, once everything was built.
QUICK=(fmt shell clippy test session)

PARTS=(fmt shell clippy test soak doc allocations session browser engines lighthouse oldest miniprogram clients
    nginx proxies instances service mutants package)

# When everything is run, some parts are beside the others. The packages are built elsewhere, by one core
# for most of the time, so they begin at once.
BESIDE=(package)
# What mostly waits is beside `test`, once that is built, and what follows it, which mostly builds; it has
# a copy of the server, for another one is built in its place.
WAITING=(browser engines lighthouse oldest miniprogram clients nginx proxies instances)

# Seconds that a part may take on two cores, what it builds or installs left out; more than
# that is said at the end, and is no failure: a machine may have other work.
declare -A BUDGET=([test]=360 [browser]=420 [clients]=240 [package]=300)
BUDGET_OF_OTHERS=180

# The program alone as if for release: the packages beside it are built already, and linking them into
# one, as a release does, takes minutes.
FAST=(--config profile.dev.package.roshambo.opt-level=3
    --config profile.dev.package.roshambo.debug-assertions=false)

# --- parts ---

part_fmt() { cargo fmt --check; }
# What a shell would do without a word: an arm of a `case` that is never reached, an unquoted name.
part_shell() {
    find . \( -name target -o -name node_modules -o -name .venv \) -prune -o \
        -type f \( -name '*.sh' -o -path './.ci/*' -o -path './systemd/deb/scripts/*' \) -print0 |
        xargs -0 grep -lZE '^#!.*sh$' | xargs -0 shellcheck --severity=warning
}
# The second run is for what is there instead of the feature.
part_clippy() {
    cargo clippy --all-targets --locked --features redis -- -D warnings
    cargo clippy --locked --no-default-features -- -D warnings
}
# More at once than there are cores: most of them wait for a limit of time to pass.
part_test() { RUST_TEST_THREADS=${RUST_TEST_THREADS:-4} cargo test --locked --features redis; }
# With all assertions on, the ordinary tests' soak is small; this is the whole short form.
part_soak() { cargo test "${FAST[@]}" --locked --features redis --test soak -- --nocapture; }
part_doc() { RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --features redis; }

# No time is measured: it holds the rule that a relayed message allocates nothing.
part_allocations() { cargo bench --profile dev "${FAST[@]}" --locked --features redis --bench micro -- --check; }

# The session module that both clients share, on a virtual clock.
part_session() { node --test tests/e2e/session/*.test.mjs; }

# The web client in a real Chromium against the real server; its pictures lie in
# tests/e2e/screenshots afterwards.
part_browser() {
    npm_ci tests/e2e/browser
    # One after the other: two browsers at once would only wait for each other.
    with_server node --test tests/e2e/browser/game.test.mjs
    with_server node --test tests/e2e/browser/gallery.test.mjs
    with_server node --test tests/e2e/browser/places.test.mjs
    with_server node --test tests/e2e/browser/persons.test.mjs
}

# The page in Firefox and in WebKit, without a screen.
part_engines() {
    npm_ci tests/e2e/browser
    with_server node --test tests/e2e/browser/engines.test.mjs
}

# What Lighthouse says of the page; its figures are right on a machine that has nothing else to do.
part_lighthouse() {
    npm_ci tests/e2e/lighthouse
    with_server node --test tests/e2e/lighthouse/lighthouse.test.mjs
}

# The page in a browser of 2018, without a screen.
part_oldest() {
    (
        cd tests/e2e/oldest
        cmp -s requirements.txt .venv/installed && return
        rm -rf .venv
        python3 -m venv .venv
        .venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
        cp requirements.txt .venv/installed
    )
    with_server node --test tests/e2e/oldest/oldest.test.mjs
}

# The mini program's own files on a stand-in of its platform against the real server; its pages in a
# real Chromium lie in tests/e2e/screenshots afterwards.
part_miniprogram() {
    npm_ci tests/e2e/miniprogram
    npm_ci tests/e2e/browser
    with_server side_by_side tests/e2e/miniprogram/*.test.mjs
}

# side_by_side FILE…: each file of tests in a process of its own, all at once, for they mostly wait;
# what they say comes one after the other.
side_by_side() {
    local file logs status=0 pids=()
    logs=$(mktemp -d)
    for file in "$@"; do
        node --experimental-vm-modules --no-warnings --test "$file" >"$logs/${file##*/}" 2>&1 &
        pids+=($!)
    done
    for file in "$@"; do
        wait "${pids[0]}" || status=1
        pids=("${pids[@]:1}")
        cat "$logs/${file##*/}"
    done
    rm -r "$logs"
    return $status
}

# Official and other clients against each other, and each alone.
part_clients() {
    install_clients
    with_server node tests/e2e/clients/run.mjs
}

# The same through a real nginx with the site file that is shipped.
part_nginx() {
    install_clients
    with_server node tests/e2e/clients/nginx.mjs
}

# Other proxies, each with the configuration that is shipped, and a CDN in front of nginx.
part_proxies() {
    install_clients
    with_server node tests/e2e/clients/proxies.mjs
}

# Two servers that share a Redis behind nginx or HAProxy: matching, friends, kills, restarts, gathering,
# and a Redis that fails; and two browsers, one at each.
part_instances() {
    install_clients
    npm_ci tests/e2e/browser
    with_server node tests/e2e/clients/instances.mjs
    with_server node --test tests/e2e/browser/instances.test.mjs
}

# Whether those clients see a mistake: one for each dialect. `node tests/e2e/clients/mutants.mjs`
# plants many more. And whether what tests/mutants.sh takes away is still there.
part_mutants() {
    tests/mutants.sh --fit
    install_clients
    node tests/e2e/clients/mutants.mjs --quick
}

# The packages of all these clients.
install_clients() {
    npm_ci tests/e2e/clients
    (
        cd tests/e2e/clients
        cmp -s requirements.txt .venv/installed && return
        rm -rf .venv
        python3 -m venv .venv
        .venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
        cp requirements.txt .venv/installed
    )
}

# with_server COMMAND…: runs it with the path of the server: the one that ROSHAMBO_BIN names, or the
# one that is built here; only the first of these parts has to wait for the build.
with_server() {
    if [ -n "${ROSHAMBO_BIN:-}" ]; then
        "$@"
        return
    fi
    cargo build --locked --features redis
    ROSHAMBO_BIN="$(target_directory)/debug/roshambo" "$@"
}

target_directory() {
    cargo metadata --locked --no-deps --format-version 1 |
        node -p 'JSON.parse(fs.readFileSync(0)).target_directory'
}

# copy_of_server: the path of a copy of the server, which nothing that is built later replaces.
copy_of_server() {
    local copy
    cargo build --locked --features redis >&2
    copy=$(target_directory)/under-test
    mkdir -p "$copy"
    cp "$copy/../debug/roshambo" "$copy/roshambo"
    echo "$copy/roshambo"
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

# The unit files: no fault, and how little the service may do.
part_service() { tests/service/units.sh; }

# The Debian package, installed, booted, upgraded and purged in a small Debian of its own; and the
# static tarball. Needs root and a Debian mirror.
part_package() {
    local deb tarball
    deb=$(systemd/package.sh deb | tail -1)
    # What is installed stays small, with SQLite, TLS, Redis and the web client, its icons and pictures in
    # it. The plan was 5 MB; the reload, TLS in serving mode, persons, instances and Redis have brought it
    # to 6.1, and it is not to grow any more.
    local size
    size=$(dpkg-deb --fsys-tarfile "$deb" | tar --extract --to-stdout ./usr/lib/roshambo/roshambo | wc -c)
    [ "$size" -lt 6150000 ] || fail "the program has $size bytes"
    echo "the program: $size bytes"
    # Ubuntu 22.04 has 2.35: the package is built where the program asks for nothing newer.
    local libc
    libc=$(dpkg-deb --field "$deb" Depends | sed -n 's/.*libc6 (>= \([^)]*\)).*/\1/p')
    [ -n "$libc" ] || fail "the package depends on no libc6"
    dpkg --compare-versions "$libc" le 2.35 ||
        fail "the package asks for libc6 $libc, Ubuntu 22.04 has 2.35: build it on Debian 12 or older"
    echo "needs libc6 $libc or newer"
    lintian --fail-on error,warning --allow-root "$deb"
    tests/service/boot.sh "$deb"
    # Its size is nobody's business, so it is not built as small as a release: that takes minutes.
    tarball=$(CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        systemd/package.sh tarball | tail -1)
    tests/service/tarball.sh "$tarball"
    ls -l "$deb" "$tarball"
}

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

# need_proxy COMMAND PACKAGE: the tests need the program, not a server that runs. What Debian starts
# when it is installed would keep port 80 or 6379 of this machine, so what we install we also switch off.
need_proxy() {
    command -v "$1" >/dev/null && return
    need "$1" "$2"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    if [ -d /run/systemd/system ]; then
        "${as_root[@]}" systemctl disable --quiet --now "$1.service"
    elif [ -x "/etc/init.d/$1" ]; then
        "${as_root[@]}" "/etc/init.d/$1" stop >/dev/null || true
    fi
}

# promtool comes in a package that starts a whole Prometheus: only the tool is taken out of it.
need_promtool() {
    command -v promtool >/dev/null && return
    local tools=${CARGO_TARGET_DIR:-target}/tools
    mkdir -p "$tools"
    tools=$(cd "$tools" && pwd)
    PATH="$PATH:$tools/usr/bin"
    command -v promtool >/dev/null && return
    need dpkg-deb dpkg
    command -v apt-get >/dev/null || fail "promtool is missing; it comes with Prometheus"
    echo "== fetching promtool"
    (
        cd "$tools"
        # Without root the lists may be old, which is a reason to try all the same.
        [ "$(id -u)" -ne 0 ] || apt-get update -qq
        apt-get download -qq prometheus
        dpkg-deb --extract prometheus_*.deb .
    )
    command -v promtool >/dev/null || fail "promtool is not in Debian's package prometheus"
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

# The packager, in the version that systemd/README.md names: another one may write another package.
need_cargo_deb() {
    local want tools=${CARGO_TARGET_DIR:-target}/tools
    want=$(sed -n 's/^cargo install cargo-deb --locked --version //p' systemd/README.md)
    [ -n "$want" ] || fail "systemd/README.md names no version of cargo-deb"
    is_cargo_deb "$want" && return
    # Beside what was built, and before any other.
    mkdir -p "$tools"
    tools=$(cd "$tools" && pwd)
    PATH="$tools/bin:$PATH"
    is_cargo_deb "$want" && return
    echo "== installing cargo-deb $want"
    # Its own target, so that neither build waits for the other's files.
    CARGO_TARGET_DIR=$tools/build CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install --quiet --debug --locked --force --version "$want" \
        --root "$tools" cargo-deb
    rm -rf "$tools/build"
    is_cargo_deb "$want" || fail "cargo-deb $want was installed and is not there"
}

# is_cargo_deb VERSION: whether that one is in the path.
is_cargo_deb() {
    command -v cargo-deb >/dev/null && [ "$(cargo-deb --version)" = "cargo-deb $1" ]
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
    CHROMIUM=${CHROMIUM:-$(command -v chromium)}
    export CHROMIUM
    need_letters
}

need_letters() {
    need fc-list fontconfig
    [ -n "$(fc-list :lang=zh-cn)" ] || need_package fonts-noto-cjk
    [ -n "$(fc-list :lang=en)" ] || need_package fonts-dejavu-core
}

# What the official clients run in.
need_clients() {
    need_node
    need python3 python3
    # Debian's python3 has the module venv, but not what it needs.
    python3 -c 'import ensurepip' 2>/dev/null || need_package python3-venv
    python3 -c 'import ensurepip' || fail "python3 -m venv does not work"
}

check_tools() {
    # rustup puts its tools there; a non-interactive shell may not have it in its path.
    [ -d "${CARGO_HOME:-$HOME/.cargo}/bin" ] && PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
    # Debian keeps nginx there, where only root's path leads.
    PATH="$PATH:/usr/sbin"
    command -v cargo >/dev/null || fail "cargo is missing; install Rust from https://rustup.rs"
    # Before anything is installed or built for it.
    case " $* " in
    *" package "*)
        [ "$(id -u)" -eq 0 ] || fail "package boots a Debian of its own, which needs root; all" \
            "others: tests/run.sh ${PARTS[*]/package/}"
        ;;
    esac
    # rustc links by it; Debian's gcc alone comes without the C library's headers and start files.
    need cc gcc
    [ ! -e /etc/debian_version ] || [ -e /usr/include/stdio.h ] || need_package libc6-dev
    local part
    for part in "$@"; do
        case $part in
        fmt | clippy) need_cargo "$part" ;;
        shell) need shellcheck shellcheck ;;
        session) need_node ;;
        browser | lighthouse | miniprogram) need_browser ;;
        engines)
            need_node
            need firefox-esr firefox-esr
            need WebKitWebDriver webkit2gtk-driver
            need Xvfb xvfb
            need_letters
            ;;
        clients | mutants) need_clients ;;
        nginx)
            need_clients
            need openssl openssl
            need_proxy nginx nginx-light
            ;;
        instances)
            need_clients
            need openssl openssl
            need_proxy nginx nginx-light
            need_proxy haproxy haproxy
            need_proxy redis-server redis-server
            ;;
        proxies)
            need_clients
            need openssl openssl
            need_proxy nginx nginx-light
            need_proxy haproxy haproxy
            need_proxy caddy caddy
            need_proxy apache2 apache2
            ;;
        test)
            # It makes the store's disk fail.
            need strace strace
            # Points in a real one; each test starts its own.
            need_proxy redis-server redis-server
            # `roshambo probe` through a real one, and certificates of all kinds.
            need openssl openssl
            need_proxy nginx nginx-light
            need systemd-socket-activate systemd
            need_promtool
            ;;
        service) need systemd-analyze systemd ;;
        package)
            need dpkg-deb dpkg
            need dpkg-shlibdeps dpkg-dev
            need openssl openssl
            need xz xz-utils
            need lintian lintian
            need debootstrap debootstrap
            need systemd-nspawn systemd-container
            need_cargo_deb
            ;;
        esac
    done
}

# --- the run ---

# What runs beside: process numbers, and by number the parts and the log.
PIDS=()
declare -A BESIDE_PARTS BESIDE_LOG

# beside PART…: runs them one after the other, beside what follows.
beside() {
    local log
    log=$(mktemp)
    # In a group of its own, so that all of it ends with the run.
    setsid bash tests/run.sh "$@" >"$log" 2>&1 &
    PIDS+=($!)
    BESIDE_PARTS[$!]=$* BESIDE_LOG[$!]=$log
}

# What they said comes one after the other; the first that failed ends the run.
wait_for_those_beside() {
    local pid status
    for pid in "${PIDS[@]}"; do
        status=0
        wait "$pid" || status=$?
        cat "${BESIDE_LOG[$pid]}"
        rm "${BESIDE_LOG[$pid]}"
        [ "$status" -eq 0 ] || fail "what ran beside the others failed, see above: ${BESIDE_PARTS[$pid]}"
    done
    PIDS=()
}

end_those_beside() {
    local pid
    for pid in "${PIDS[@]}"; do
        kill -- "-$pid" 2>/dev/null || true
    done
}

main() {
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    exec </dev/null
    local everything=""
    [ $# -gt 0 ] || { everything=1 && set -- "${PARTS[@]}"; }
    [ "$*" != quick ] || set -- "${QUICK[@]}"
    local part
    for part in "$@"; do
        case " ${PARTS[*]} " in
        *" $part "*) ;;
        *) fail "there is no part $part; parts: ${PARTS[*]}, and quick for ${QUICK[*]}" ;;
        esac
    done
    check_tools "$@"

    # What makes the next build fast makes the first one slow, and here each is the first.
    [ -z "$everything" ] || export CARGO_INCREMENTAL=0

    local started part_started seconds budget summary="" server
    started=$SECONDS
    trap end_those_beside EXIT
    [ -z "$everything" ] || beside "${BESIDE[@]}"
    for part in "$@"; do
        if [ -n "$everything" ]; then
            case " ${BESIDE[*]} ${WAITING[*]} " in *" $part "*) continue ;; esac
            if [ "$part" = test ]; then
                # What is built for it comes first: two builds would only wait for each other.
                cargo test --no-run --locked --features redis
                server=$(copy_of_server)
                ROSHAMBO_BIN=$server beside "${WAITING[@]}"
            fi
        fi
        echo "== $part"
        part_started=$SECONDS
        # In a subshell of its own, and not in a condition, which would switch `set -e` off in it.
        (
            trap 'status=$?; [ $status -eq 0 ] || echo "== $part FAILED" >&2' EXIT
            "part_$part"
        )
        seconds=$((SECONDS - part_started)) budget=${BUDGET[$part]:-$BUDGET_OF_OTHERS}
        summary+="   $part: $seconds s"
        [ "$seconds" -le "$budget" ] || summary+=" (over its budget of $budget s)"
        summary+=$'\n'
        echo "== $part passed after $seconds s"
    done
    wait_for_those_beside
    printf '== all passed after %s s\n%s' "$((SECONDS - started))" "$summary"
}

main "$@"
