#!/usr/bin/env bash
# Takes every limit away, one at a time, and looks whether a test fails. Without arguments all of
# them, with arguments those whose names contain one of the words:
#
#   tests/mutants.sh
#   tests/mutants.sh queue 'per turn'
#   tests/mutants.sh --fit
#
# It works on a copy of the tree below the target directory and ends with a failure if an edit no
# longer fits, if it does not compile, or if no test fails. With --fit it only looks whether every
# edit still fits, which takes no time and is a part of tests/run.sh; the rest is not, since each of
# them compiles the crate again.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
fit=
if [ "${1:-}" = --fit ]; then
    fit=1
    shift
fi
words=("$@")
missed=0 tried=0
declare -A sound

fail() {
    echo "tests/mutants.sh: $*" >&2
    exit 1
}

# mutant NAME FILE OLD NEW TEST...: replaces the one place of OLD in FILE by NEW; then `cargo test`
# with the arguments TEST has to fail.
mutant() {
    local name=$1 file=$2 old=$3 new=$4 text rest word wanted=
    shift 4
    [ ${#words[@]} -gt 0 ] || wanted=1
    for word in "${words[@]}"; do
        [[ $name != *"$word"* ]] || wanted=1
    done
    [ -n "$wanted" ] || return 0
    tried=$((tried + 1))
    text=$(<"$file")
    rest=${text#*"$old"}
    if [ "$rest" = "$text" ] || [[ $rest == *"$old"* ]]; then
        missed=$((missed + 1))
        printf '%-42s DOES NOT FIT %s\n' "$name" "$file"
        return 0
    fi
    [ -z "$fit" ] || return 0
    # A test that fails in any case says nothing, and neither does one that is not there.
    if [ -z "${sound[$*]:-}" ]; then
        (cd "$target/tree" && timeout -k 5 600 cargo test --locked "$@") >"$log" 2>&1 </dev/null ||
            fail "without an edit, these tests fail: $*"
        grep -q '^test .* \.\.\. ok$' "$log" || fail "there are no such tests: $*"
        sound[$*]=1
    fi
    printf '%s\n' "${text%%"$old"*}$new$rest" >"$target/tree/$file"
    local status=0
    (cd "$target/tree" && timeout -k 5 600 cargo test --locked "$@") >"$log" 2>&1 </dev/null ||
        status=$?
    cp -p "$file" "$target/tree/$file"
    # cargo goes by the time of the change.
    touch "$target/tree/$file"
    local failed
    failed=$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | head -1)
    if [ "$status" -ne 0 ] && [ -n "$failed" ]; then
        printf '%-42s %s\n' "$name" "$failed"
    elif grep -q '^error.*could not compile' "$log"; then
        missed=$((missed + 1))
        printf '%-42s DOES NOT COMPILE\n' "$name"
        grep -m1 -A4 '^error' "$log"
    else
        missed=$((missed + 1))
        printf '%-42s NO TEST FAILS (status %s): %s\n' "$name" "$status" "$*"
    fi
}

if [ -z "$fit" ]; then
    target=${CARGO_TARGET_DIR:-target}/mutants
    mkdir -p "$target"
    target=$(cd "$target" && pwd)
    log=$target/log
    export CARGO_TARGET_DIR=$target/build
    # They are built often and run shortly.
    export CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TERM_COLOR=never
    # Nothing of an earlier run, neither its edits nor a file that is gone since; and as if all were
    # changed just now, since what it built last had an edit in it.
    rm -rf "$target/tree"
    mkdir "$target/tree"
    git ls-files -z --cached --others --exclude-standard |
        tar --null --files-from=- --create --file=- |
        tar --extract --touch --file=- --directory="$target/tree"
    # Without a limit of time, so that those below are about the tests.
    (cd "$target/tree" && cargo test --locked --no-run) >"$log" 2>&1 </dev/null ||
        fail "it does not build: $(tail -20 "$log")"
fi

# --- connections ---

mutant '--max-connections' src/net/reader/head.rs \
    'full: self.max_connections <= sockets.open_count(),' 'full: false,' \
    --lib net::server
mutant 'sockets beyond --max-connections' src/net/entrance.rs \
    '!self.paused && room' '!self.paused && (room || true)' \
    --test hostile floods::connections_over
mutant '--max-per-address' src/net/peers.rs \
    '.is_some_and(|place| self.each_max <= self.count(place).open)' \
    '.is_some_and(|place| usize::MAX <= self.count(place).open)' \
    --lib net::peers
mutant '--max-per-address in the loop' src/net/sockets.rs \
    'self.crowd.count_opened(conn.peer);' '' \
    --test hostile floods::connections_over_the_limit_of_an_address
mutant '--head-timeout' src/net/sockets/timers.rs \
    'Phase::Head { .. } => return Some(index),' 'Phase::Head { .. } => (),' \
    --lib net::server::tests::a_request_that_takes_too_long
mutant '--hello-timeout' src/session.rs \
    '!self.spoke && self.opened_at(now) + pace.hello_timeout_ms <= now' 'false' \
    --lib session
mutant '--ping-timeout' src/session.rs \
    '(_, false) => self.seen_at + pace.ping_interval_ms + pace.ping_timeout_ms,' '(_, false) => NEVER,' \
    --test scenarios life
mutant '--ping-timeout-eio4' src/session.rs \
    '(Dialect::Eio4, _) => self.seen_at + pace.ping_interval_ms + pace.ping_timeout_eio4_ms,' \
    '(Dialect::Eio4, _) => NEVER,' --test scenarios life
mutant '--ping-timeout-v2' src/session.rs \
    'Some(pinged) => pinged + pace.ping_timeout_v2_ms,' 'Some(_) => NEVER,' \
    --test scenarios life
mutant '--ping-interval' src/session.rs \
    'last + pace.ping_interval_ms' 'last + pace.ping_interval_ms + (NEVER.0 >> 1)' \
    --test scenarios life
mutant '--linger, time' src/net/sockets.rs \
    'self.wheel.arm(now + self.linger_ms, Alarm::Socket(id));' \
    'self.wheel.arm(now + self.linger_ms + 3_600_000, Alarm::Socket(id));' \
    --lib net::server::tests::bounds::whoever
mutant '--linger, bytes' src/net/conn.rs \
    'end.discarded < DISCARD_BYTES_MAX' \
    'end.discarded < usize::MAX || DISCARD_BYTES_MAX == 0' \
    --test hostile http::what_follows_an_answer
mutant 'handshakes of TLS in a turn' src/net/sockets/sessions.rs \
    'const HANDSHAKES_MAX: usize = 4;' 'const HANDSHAKES_MAX: usize = 1 << 20;' \
    --lib net::server::tests::secure
mutant 'bytes of TLS that never become a message' src/net/tls.rs \
    'if self.failed || CIPHER_BYTES_MAX <= rest.len() {' 'if self.failed {' --lib net::tls
mutant 'a handshake counts as silence' src/net/sockets.rs \
    'let number = self.heads.insert(id, self.crowd.direct_place_of(peer));' \
    'let number = self.heads.insert(id, None);' --test tls attacks::half
mutant 'who may read a key' src/net/tls/pair.rs \
    'const OTHERS: u32 = 0o006;' 'const OTHERS: u32 = 0;' --test tls certificates::every
mutant 'where the names of challenges lead' src/net/http/redirect.rs \
    '!name.bytes().all(is_token)' 'name.contains(char::is_whitespace) && is_token(0)' \
    --lib net::http::redirect
mutant 'urgent bytes' src/net/sockets.rs \
    'Interest::READABLE.add(Interest::PRIORITY)' 'Interest::READABLE' \
    --lib net::server::tests::urgent
mutant 'urgent bytes, once' src/net/conn.rs \
    'self.urgent = false;' '' --lib net::server::tests::urgent
mutant 'time to take a goodbye' src/net/sockets.rs \
    'self.wheel.arm(now + patience_ms, Alarm::Socket(id))' \
    'self.wheel.arm(now + patience_ms + 3_600_000, Alarm::Socket(id))' \
    --test hostile floods::many_who_do_not_read
mutant 'a heartbeat timer goes with its connection' src/net/sockets.rs \
    '            Phase::Open { timer, .. } => timer,' '            Phase::Open { .. } => None,' \
    --test hostile floods::timers
mutant 'a room takes its timer along' src/world/joining.rs \
    '        if room.armed.is_some() {' '        if false {' --test fuzz hub
mutant 'a player takes its timer along' src/world/sessions.rs \
    'if player.play().is_some_and(|play| play.armed.is_some()) {' 'if false {' --test fuzz hub
mutant 'memory of rounds is given back' src/world/rounds.rs \
    '        self.forget_past(now);' '' --lib world::player::tests::those
mutant 'a result is kept for a minute' src/world/player.rs \
    '            && self.result_to_repeat(now).is_none()' '' --lib world::player::tests::play_is
mutant 'one timer for each room and player' src/net/sockets/timers.rs \
    'Some(slot) => slot.replace(key),' 'Some(slot) => slot.replace(key).and(None),' \
    --lib net::server::tests::bounds::a_timer_takes
mutant 'a timer that fired has no key' src/net/sockets/timers.rs \
    '            *slot = None;' '            let _ = slot;' \
    --lib net::server::tests::bounds::a_timer_that_fired
mutant 'buffers in a turn' src/net/sockets.rs \
    'if Pool::BUFFERS_MAX <= self.dirty.len() {' 'if false {' --lib net::server::tests::bounds::a_burst
mutant 'the pause without descriptors' src/net/entrance.rs \
    'self.paused = true;' 'self.paused = false;' \
    --test hostile descriptors::without
mutant 'the pause after passing errors' src/net/entrance.rs \
    'Let::Next(error) if tried == ACCEPTS_MAX && taken == 0 => {' \
    'Let::Next(error) if tried > ACCEPTS_MAX && taken == 0 => {' \
    --lib net::server::tests::bounds::errors_of_accept
mutant 'errors of accept' src/net/gate.rs \
    '_ => Let::Pause(error),' '_ => Let::Next(error),' --lib net::gate

# --- request heads ---

mutant 'bytes of a head' src/net/http.rs \
    'let considered = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);' 'let considered = bytes;' \
    --lib net::http
mutant 'a head that is full' src/net/http.rs \
    'Ok(httparse::Status::Partial) if considered.len() < HEAD_BYTES_MAX =>' \
    'Ok(httparse::Status::Partial) if considered.len() < usize::MAX =>' \
    --lib net::http
mutant 'fields of a head' src/net/http.rs \
    'let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];' \
    'let mut fields = [httparse::EMPTY_HEADER; 20 * FIELDS_MAX];' \
    --test hostile http::heads_that_are_no_heads

# --- frames ---

mutant '--max-message, waiting for a frame' src/net/frames.rs \
    '.filter(|&length| length <= self.message_bytes_max)' '.filter(|_| true)' --lib net::frames
mutant '--max-message, all fragments' src/net/frames.rs \
    'if !is_control && self.message_bytes_max - length < before.unwrap_or_default() {' 'if false {' \
    --lib net::frames
mutant 'masking' src/net/frames.rs \
    'mask: mask.filter(|_| is_masked),' 'mask: Some(mask.unwrap_or_default()).filter(|_| is_masked || true),' \
    --lib net::frames
# What tungstenite judges has no switch there: what is taken away is our answer.
mutant 'UTF-8' src/net/frames.rs \
    'Error::Utf8(_) => CloseReason::NotUtf8,' '' --lib net::frames
mutant 'control frames, opcodes, reserved bits' src/net/frames.rs \
    '_ => CloseReason::ProtocolError,' '_ => CloseReason::ClientLeft,' --lib net::frames
mutant 'a frame cut wrong' src/net/frames.rs \
    'if seen != payload_bytes(frame) {' 'if seen == usize::MAX && payload_bytes(frame) == 0 {' \
    --lib net::frames
mutant 'a character that is cut off' src/net/frames/fragments.rs \
    'Text(text, cut)) if cut.length == 0 => {' 'Text(text, _)) => {' --lib net::frames
mutant 'what another process may hand over' src/net/frames/fragments.rs \
    'if bytes_max.checked_sub(bytes.len())? < to_come {' 'if bytes_max.checked_sub(0)? < to_come {' \
    --lib net::frames
mutant 'copies of a message in pieces' src/net/frames/fragments.rs \
    'expected.min(2 * capacity)' 'expected.min(capacity)' --lib net::frames
mutant 'copies of a backlog' src/net/rest.rs \
    'if left < kept.from {' 'if left < usize::MAX {' --lib net::rest
mutant '--max-queue' src/net/sockets.rs \
    'Phase::Open { .. } if most < conn.queue.len() + sealed => {' \
    'Phase::Open { .. } if usize::MAX < conn.queue.len() + sealed + most => {' \
    --test loopback losses::a_slow_reader
mutant "the kernel's buffers, TCP" src/net/gate.rs \
    'listener.bound(buffers)?;' 'let _ = listener;' --lib net::gate
mutant "the kernel's buffers, unix socket" src/net/gate.rs \
    'socket.bound(self.buffers);' 'let _ = self.buffers;' --lib net::gate
mutant 'bytes handed to the kernel in a call' src/net/sockets.rs \
    'conn.send(self.queue_bytes_max, &mut self.pool)' 'conn.send(usize::MAX, &mut self.pool)' \
    --test hostile floods::what_waits
mutant 'silent connections of an address' src/net/sockets.rs \
    'if let Some(address) = self.crowd.crowded(peer) {' \
    'if let Some(address) = self.crowd.crowded(peer).filter(|_| false) {' \
    --test hostile floods::an_address
mutant 'silent connections at capacity' src/net/entrance.rs \
    '|| sockets.has_heads();' ';' --test hostile floods::an_address

# --- events ---

mutant 'ping frames' src/hub.rs \
    'if session.allow(now, &pace) {' 'if session.allow(now, &pace) || true {' --test scenarios limits
mutant 'packets that want an answer' src/hub.rs \
    'if !within {' 'if false && !within {' --test scenarios limits

mutant '--rate-limit' src/session.rs \
    'let within = earned_at - earned_by_now <= rate * BURST_MS;' \
    'let within = earned_at - earned_by_now <= rate.max(BURST_MS) << 32;' \
    --lib session
mutant '--rate-limit in the hub' src/hub/requests.rs \
    'let within = session.allow(now, &pace);' 'let within = session.allow(now, &pace) || true;' \
    --test scenarios limits
mutant 'drops before a flood is closed' src/session.rs \
    'FLOOD_DROPS_MAX <= trouble' 'u32::MAX <= FLOOD_DROPS_MAX + trouble' --lib session
mutant '--relay-interval' src/world/rounds.rs \
    'if now < play.relay_free_at[kind] {' 'if false {' --test scenarios limits
mutant 'wrong codes a minute' src/session.rs \
    'most <= self.count && now.since(self.since) < window_ms' \
    'most == 0 && now.since(self.since) < window_ms' --lib session
mutant 'wrong codes a minute in the hub' src/hub/requests.rs \
    'if tries_code && session.v2' 'if false && tries_code && session.v2' \
    --test scenarios origins::wrong_codes
mutant 'wrong codes a minute of an origin' src/hub/origins.rs \
    'counts.wrong_codes < WRONG_CODES_MAX)' 'counts.wrong_codes < u32::MAX - WRONG_CODES_MAX)' \
    --lib hub::origins
mutant 'new sessions a minute of an origin' src/hub/origins.rs \
    '&& self.newcomers_max <= counts.newcomers' '&& u32::MAX == counts.newcomers' --lib hub::origins
mutant 'indexes of a carried table' src/slots.rs \
    'if handle.index < end || INDEX_END <= handle.index {' 'if handle.index < end {' --lib slots
mutant 'indexes of carried connections' src/hub/snapshot.rs \
    'self.sessions.len() <= index && conn.index < ConnId::INDEX_END;' 'self.sessions.len() <= index;' \
    --test scenarios reload::a_snapshot
mutant 'new sessions a minute in the hub' src/hub/requests.rs \
    'self.admit(now, conn)?;' '' --test scenarios origins::a_new_session
mutant 'origins in the loop' src/net/reader/head.rs \
    'let from = sockets.crowd.origin_of(peer);' 'let from = None;' \
    --test hostile game::room_codes_are_not_guessed_over
mutant 'what is remembered at a time' src/hub/recent.rs \
    'if self.most <= self.order.len() {' 'if usize::MAX - self.most <= self.order.len() {' \
    --lib hub::recent
mutant 'what is remembered is over' src/hub/recent.rs \
    'if oldest.is_some_and(|&(since, _)| self.is_over(now, since)) {' 'if oldest.is_none() {' \
    --lib hub::recent
mutant '--rate-limit over a new connection' src/hub/requests.rs \
    'self.inherit_rate(now, conn, player)?;' 'let _ = player;' --test scenarios limits
mutant '--rate-limit after a lost connection' src/hub/endings.rs \
    'self.parted.set(now, player, owed);' 'let _ = owed;' --test scenarios limits
mutant 'digits of an acknowledgement' src/wire/socket_io.rs \
    'if ACK_DIGITS_MAX < digits {' 'if usize::MAX == digits {' --test hostile dialects::packets
mutant "an event's name" src/wire/event.rs \
    'let mut end = name.len().min(EVENT_NAME_BYTES_MAX);' 'let mut end = name.len();' --lib wire
mutant 'uid' src/model.rs \
    ' && text.len() <= Self::BYTES_MAX;' ';' --lib model
mutant 'uname' src/model.rs \
    'if text.len() <= Self::BYTES_MAX && !text' 'if !text' --lib model
mutant 'uname, cleaned' src/model.rs \
    'if Self::BYTES_MAX < name.len() + character.len_utf8() {' 'if name.len() == usize::MAX {' \
    --lib model
mutant 'uavatar' src/model.rs \
    'let mut end = text.len().min(Self::BYTES_MAX);' 'let mut end = text.len();' --lib model

# --- sessions ---

mutant '--max-sessions' src/world/sessions.rs \
    'while self.rules.max_sessions <= self.by_token.len() {' 'while false {' \
    --test scenarios sessions::the_longest
mutant '--max-sessions, points go last' src/world/sessions.rs \
    'let Some(id) = self.offline.first_blank() else {' 'let Some(id) = self.offline.first_to_go() else {' \
    --test scenarios sessions::a_newcomer
mutant '--max-sessions, offline' src/world/sessions.rs \
    'while self.rules.max_sessions < self.offline.len() {' 'while false {' \
    --test scenarios sessions::a_newcomer
mutant '--session-ttl' src/world/sessions.rs \
    'let expires_at = now + self.rules.session_ttl_ms;' 'let expires_at = Millis(u64::MAX);' \
    --test scenarios sessions

# --- persons ---

mutant 'bytes of a signed token' src/identity/jws.rs \
    'if TOKEN_BYTES_MAX < token.len() {' 'if token.len() == usize::MAX {' --lib identity::
mutant "the algorithm of a signed token" src/identity/jws.rs \
    'Some("HS256") => (),' 'Some("HS256" | "none" | "RS256") => (),' --lib identity::
mutant 'the signature of a signed token' src/identity/jws.rs \
    'good | tried.is_ok()' 'good | tried.is_ok() | true' --lib identity::
mutant 'a name twice in a signed token' src/identity/claims.rs \
    'twice.get_or_insert(name);' 'drop(name);' --lib identity::
mutant 'leeway of a signed token' src/identity/claims.rs \
    'const LEEWAY_S: u64 = 60;' 'const LEEWAY_S: u64 = 61;' --lib identity::
mutant 'for whom a signed token is' src/identity/claims.rs \
    '(None, Some(_)) => return Err(Refusal::UnaskedAudience),' '(None, Some(_)) => (),' --lib identity::
mutant 'bytes of a sub' src/model/person.rs \
    ' && text.len() <= Self::BYTES_MAX;' ';' --lib model::person
mutant 'keys at a time' src/identity/mod.rs \
    'if found.len() == KEYS_MAX {' 'if found.len() == usize::MAX {' --lib identity::
mutant 'bytes of a key' src/identity/mod.rs \
    'if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&length) {' 'if length == usize::MAX {' --lib identity::
mutant 'keys that others may read' src/net/keys.rs \
    'const OTHERS: u32 = 0o006;' 'const OTHERS: u32 = 0o002;' --lib net::keys
mutant 'bytes of a file of keys' src/net/keys.rs \
    'if KEY_FILE_BYTES_MAX < bytes.len() {' 'if bytes.len() == usize::MAX {' --lib net::keys
mutant 'a clock that can be right' src/hub/persons.rs \
    '.filter(|&unix_s| CLOCK_MIN_S <= unix_s)' '.filter(|&unix_s| unix_s != u64::MAX)' \
    --test scenarios persons::a_server_without

# --- the store ---

mutant 'connections that wait for the store' src/hub/store.rs \
    'full || WAITS_MAX <= self.desk.waits.len() {' 'full {' \
    --test scenarios store::a_thousand_wait
mutant 'persons that wait for the store' src/hub/persons.rs \
    'if self.desk.is_away() || full || WAITS_MAX <= self.desk.waiting() {' 'if self.desk.is_away() {' \
    --test scenarios persons::a_thousand
mutant 'persons that the store is asked about' src/hub/store.rs \
    'room(self.desk.takes.len()) && room(self.desk.signs.len())' 'room(self.desk.takes.len())' \
    --test scenarios persons::a_thousand
mutant 'tokens that the store is asked about' src/hub/store.rs \
    'let room = |asked: usize| asked < WAITS_MAX;' 'let room = |_: usize| true;' \
    --test scenarios store::a_thousand_wait
mutant 'the wait for the store' src/hub/store.rs \
    'session.hold(now + WAIT_MS);' 'session.hold(now + (WAIT_MS << 20));' \
    --test scenarios store::when_no_answer
mutant 'bytes kept of who waits for the store' src/net/reader.rs \
    'if HELD_BYTES_MAX < input.len() && ' 'if false && ' \
    --lib net::server::tests::held
mutant 'sessions owed to a store that is away' src/hub/store.rs \
    'self.desk.open && self.max_sessions < self.world.owed()' 'false' \
    --test scenarios store::no_more_sessions
mutant 'answers per turn' src/net/server/store.rs \
    'for _ in 0..ANSWERS_MAX {' 'for _ in 0..usize::MAX {' \
    --lib net::server::tests::held
mutant 'a word to the store of a room a minute' src/world/presence.rs \
    'if TOUCH_MS <= now.since(private.told) {' 'if true {' \
    --test scenarios store::a_room_that_lives

# --- robots ---

mutant 'how lately somebody came from a robot' src/world/joining.rs \
    'now.since(at) < ABOUT_MS && ' '' \
    --test scenarios robots::whoever_came_from
mutant 'a rest between two faces of a robot' src/world/robot.rs \
    'self.looks_at = at + FACE_REST_MS;' 'self.looks_at = at;' --lib world::robot

# --- per turn ---

mutant 'accepts per turn' src/net/entrance.rs \
    'const ACCEPTS_MAX: usize = 64;' 'const ACCEPTS_MAX: usize = 1 << 30;' --lib net::server
mutant 'frames per turn' src/net/reader.rs \
    'for _ in 0..FRAMES_MAX {' 'for _ in 0..usize::MAX {' --lib net::server
mutant 'bytes per turn' src/net/conn.rs \
    'let asked = back.len().min(RECV_BYTES);' 'let asked = back.len();' --lib net::conn
mutant 'events per turn' src/net/server.rs \
    'const EVENTS_MAX: usize = 1024;' 'const EVENTS_MAX: usize = 1 << 16;' --lib net::server
mutant 'timers per turn' src/net/server.rs \
    'for fired in 0..TIMERS_MAX {' 'for fired in 0..usize::MAX {' --lib net::server
mutant 'sessions that end per turn' src/world/sessions.rs \
    'const SWEEP_MAX: usize = 1_000;' 'const SWEEP_MAX: usize = 1 << 30;' \
    --lib net::server::tests::bounds::a_turn_ends
mutant 'dismissals per turn' src/net/server/drain.rs \
    'let until = next.saturating_add(DISMISSALS_MAX).min(last);' \
    'let until = next.saturating_add(DISMISSALS_MAX << 32).min(last);' --lib net::server

# --- the end ---

mutant '--drain-timeout' src/net/server.rs \
    'Alarm::DrainEnd => self.life = Life::Over,' 'Alarm::DrainEnd => (),' --lib net::server
mutant '--drain-timeout, rounds' src/net/server.rs \
    'Alarm::DrainHurry => self.hurry(),' 'Alarm::DrainHurry => (),' --lib net::server::tests::bounds::a_round
mutant 'newcomers in a drain' src/net/server/drain.rs \
    'if quiet && !owes || until <= self.now {' 'if quiet && !owes {' \
    --lib net::server::tests::bounds::newcomers
mutant 'what is owed to the store in a drain' src/net/server/drain.rs \
    'if quiet && !owes || until <= self.now {' 'if quiet || until <= self.now {' \
    --test reload store::a_store_that_is_slow
mutant 'a door that is shut in the end' src/net/server/drain.rs \
    '!sockets.has_guests() && !self.is_last_call() {' \
    '!sockets.has_guests() && !sockets.has_latecomers() && !self.is_last_call() {' \
    --lib net::server::tests::bounds::newcomers
mutant 'a second request to stop' src/net/server/drain.rs \
    'if self.now.since(self.stopped_at) < SAME_WISH_MS {' 'if true {' \
    --lib net::server::tests::bounds::requests_to_stop

# --- the store ---

mutant 'owners that are remembered' src/store/engine.rs \
    'const OWNERS_MAX: usize = 8;' 'const OWNERS_MAX: usize = 800;' --test store cases::owners
mutant 'how long an owner is remembered' src/store/engine.rs \
    'const FORMER_OWNER_SECONDS: u64 = 86_400;' 'const FORMER_OWNER_SECONDS: u64 = 86_401;' \
    --test store cases::owners
mutant 'how long a proof may take' src/net/handover/proof.rs \
    'const PROOF: Duration = Duration::from_secs(10);' \
    'const PROOF: Duration = Duration::from_secs(50);' --test reload failures::a_program_that_cannot
mutant 'who waits stays held' src/net/sockets/carry.rs \
    '        Ok(())
    }

    /// Those with something' '        self.list(0);
        Ok(())
    }

    /// Those with something' --lib net::server::tests::held
mutant 'how long a room waits' src/store/engine.rs \
    'const ROOM_SECONDS: u64 = 600;' 'const ROOM_SECONDS: u64 = 601;' --test store cases::a_room
mutant 'how long an instance lives' src/store/engine.rs \
    'const LEASE_SECONDS: u64 = 5;' 'const LEASE_SECONDS: u64 = 6;' --test store cases::a_letter
mutant 'how often an instance says that it lives' src/hub/instances.rs \
    'const BEAT_MS: u64 = 1_000;' 'const BEAT_MS: u64 = 2_000;' --test scenarios instances
mutant 'a session that may be elsewhere' src/hub/instances.rs \
    'self.world.is_left_alone(player)' 'false' --test scenarios instances
mutant 'a session that was elsewhere meanwhile' src/hub/instances.rs \
    'self.world.doubt(player, asked);' '' --test scenarios instances::who_comes_back
mutant 'a session whose player is gone' src/hub/store.rs \
    'self.world.next_unasked(shared, is_asked)' 'self.world.next_unasked(shared && false, is_asked)' \
    --test scenarios instances::who_is_not_here
mutant 'a doubt that nothing follows from' src/world/stored.rs \
    '!is_asked && self.retake(id, owner)' '!is_asked && false' --test scenarios instances::who_comes_back_while
mutant 'who came last' src/session.rs \
    'others != own &&' 'others == own &&' --test scenarios instances::of_two_devices
mutant 'a session by its old name' src/world/stored.rs \
    'account.quiet && !account.forgotten' 'account.quiet && account.forgotten' \
    --test scenarios instances::a_session_that_has_another_name
mutant 'whose a forgotten session is' src/store/redis/orders.lua \
    "if adopts and absent == '0' and not" 'if adopts and not' --features redis --test store shared::a_redis_that_lost
mutant 'who waits when a gathering is over' src/world/mod.rs \
    'self.pair(now, other, id, since);' 'let _ = (other, since);' --test scenarios instances::two_who_wait
mutant 'sent on in no round' src/hub/instances.rs \
    'if self.world.plays(now, player) {' 'if false {' --test scenarios instances
mutant 'how long a tombstone stands' src/store/engine.rs \
    'const TOMBSTONE_SECONDS: u64 = 31 * 86_400;' 'const TOMBSTONE_SECONDS: u64 = 30 * 86_400;' \
    --test store cases::who_is_erased
mutant 'sessions in memory' src/store/memory.rs \
    'if self.sessions_max <= self.sessions.len()' 'if self.sessions_max == usize::MAX' \
    --lib store::memory
mutant 'old sessions at a time, in memory' src/store/memory.rs \
    'while deleted < at_most {' 'while deleted < usize::MAX {' --test store cases::old_ones
mutant 'old sessions at a time, in a file' src/store/sqlite/rows.rs \
    'large(at_most as u64)' 'large(at_most as u64 * 9)' --test store cases::old_ones
mutant 'orders in a commit' src/store/writer.rs \
    'const BATCH_MAX: usize = 2000;' 'const BATCH_MAX: usize = 9000;' --lib store::tests::the_end_writes
mutant 'an order is applied once' src/store/record.rs \
    'let is_new = self.seq < settle.seq;' 'let is_new = true;' --test store cases::an_order_counts
mutant 'a former order is applied once' src/store/record.rs \
    'let is_new = last < settle.seq;' 'let is_new = true;' --test store cases::a_former
mutant 'what was told is there afterwards' src/store/record.rs \
    'saturating_add(settle.points).max(settle.told)' 'saturating_add(settle.points)' \
    --test store cases::what_was_told
mutant 'how long Redis may take to answer' src/store/redis/connection.rs \
    'const ANSWER: Duration = Duration::from_secs(1);' 'const ANSWER: Duration = Duration::from_secs(3);' \
    --features redis --test store shared::an_outage
mutant 'a Redis that throws things away' src/store/redis/connection.rs \
    'policy if is_bounded && policy != "noeviction" => policy,' 'policy if policy.is_empty() => policy,' \
    --features redis --test store shared::a_redis_that_will
mutant 'who is owner after Redis lost something' src/store/redis/mod.rs \
    'const ADOPTS: Duration = Duration::from_secs(60);' 'const ADOPTS: Duration = Duration::ZERO;' \
    --features redis --test store shared::a_redis_that_lost
mutant 'an idle connection that Redis ended' src/store/redis/mod.rs \
    'if said.is_err() && is_old && is_dropped {' 'if false {' --features redis --test store shared::an_outage
mutant 'an order is applied once, in Redis' src/store/redis/orders.lua \
    'is_new, said = session.seq < seq' 'is_new, said = true' --features redis --test store cases::an_order_counts
mutant 'exact places' src/model/board.rs \
    'PLACES_MAX: u32 = 1_000;' 'PLACES_MAX: u32 = 2_000;' --test store persons::a_thousand
mutant 'rows of a board' src/model/board.rs \
    'BOARD_ROWS: usize = 10;' 'BOARD_ROWS: usize = 11;' --test store persons::ten_are
mutant 'weeks that are kept' src/store/engine.rs \
    'Week(week.saturating_sub(1))' 'Week(week)' --test store persons::this_week
mutant 'percents that are kept' src/store/sqlite/persons.rs \
    'abs_diff(at.0) < PERCENTS_SECONDS;' 'abs_diff(at.0) < PERCENTS_SECONDS << 32;' \
    --lib store::sqlite::persons
mutant 'points of a pair' src/world/ranking.rs \
    'before.saturating_add(points).min(PAIR_POINTS_MAX)' 'before.saturating_add(points)' \
    --lib world::ranking
mutant 'pairs' src/world/ranking.rs \
    'if PAIRS_MAX < self.by_pair.len()' 'if usize::MAX == self.by_pair.len()' --lib world::ranking
mutant 'weeks of a settlement' src/world/ranking.rs \
    'let full = WEEKS_MAX <= settled.len();' 'let full = false;' --lib world::ranking
mutant 'a board that is kept' src/hub/board.rs \
    'kept.is_some_and(|(at, _)| now.since(*at) < KEPT_MS)' 'kept.is_some_and(|(at, _)| now < *at)' \
    --test scenarios board::the_store
mutant 'questions about a board' src/hub/board.rs \
    '!self.desk.is_away() && board.asked.len() < QUESTIONS_MAX' '!self.desk.is_away()' \
    --test scenarios board::no_more_than_a_thousand_q
mutant 'those who wait for a board' src/hub/board.rs \
    'Some(waiters) => waiters.len() < WAITERS_MAX,' 'Some(_) => true,' \
    --test scenarios board::no_more_than_a_thousand_w
mutant 'how long a page waits for a board' src/hub/board.rs \
    'const PAGE_WAIT_MS: u64 = 2_000;' 'const PAGE_WAIT_MS: u64 = 2_000_000;' \
    --lib net::server::tests::board
mutant 'pages that wait for a board' src/net/sockets.rs \
    'self.askers.remove(&id);' '' --lib net::server::tests::board
mutant 'pictures on a board' src/hub/board.rs \
    'AVATAR_BYTES_MAX: usize = 200;' 'AVATAR_BYTES_MAX: usize = 2_000;' \
    --test scenarios board::a_board_of_hostile
mutant 'what was tried is tried first' src/store/writer.rs \
    'if self.tried.is_empty() {' 'if true {' --lib store::tests::an_outage
mutant 'a date that jumped' src/store/clock.rs \
    'if now < EARLIEST || DRIFT_SECONDS < now.0.abs_diff(expected) {' 'if now < EARLIEST {' \
    --lib store::clock
mutant 'files for their owner' src/store/sqlite/place.rs \
    'const MODE: u32 = 0o600;' 'const MODE: u32 = 0o644;' --test store file::files_are
mutant 'a mount' src/store/sqlite/place.rs \
    'if is_mount(path) {' 'if false {' --test store trials::a_file_that_is_a_mount
mutant 'one server a file' src/store/sqlite/place.rs \
    'FlockOperation::NonBlockingLockExclusive' 'FlockOperation::NonBlockingLockShared' \
    --test store file::a_file_has_one
mutant 'a file that was moved' src/store/sqlite/mod.rs \
    'Fate::Same => (),' 'Fate::Same | Fate::Gone => (),' --test store file::a_file_that_was_moved
mutant 'a file that was deleted' src/store/sqlite/place.rs \
    'ErrorKind::NotFound && held.nlink() == 0 => Fate::Deleted,' 'ErrorKind::NotFound && false => Fate::Deleted,' \
    --test store file::a_file_that_was_deleted
mutant 'a file that another was laid upon' src/store/sqlite/place.rs \
    'Ok(_) if held.nlink() == 0 => Fate::Replaced,' 'Ok(_) if held.nlink() == 0 => Fate::Gone,' \
    --test store file::a_file_that_another
mutant 'files that are looked through' src/store/sqlite/opening.rs \
    'const LOOKED_THROUGH_BYTES: u64 = 8 << 20;' 'const LOOKED_THROUGH_BYTES: u64 = 0;' \
    --test store file::a_damaged
mutant 'what was erased is overwritten' src/store/sqlite/opening.rs \
    '"secure_delete", "ON"' '"secure_delete", "OFF"' --test store commands::who_is_erased
mutant 'a log is cut after an erasure' src/store/command/mod.rs \
    'PRAGMA wal_checkpoint(TRUNCATE)' 'PRAGMA wal_checkpoint(PASSIVE)' \
    --test store commands::who_is_erased

# --- memory ---

mutant 'buffers kept' src/net/queue.rs \
    'let kept = buffer.bytes.capacity() <= Self::CAPACITY_MAX;' 'let kept = true;' --lib net::queue
mutant 'admin connections' src/net/admin.rs \
    'const CONNS_MAX: usize = 16;' 'const CONNS_MAX: usize = 4096;' --test hostile floods::a_crowd_at_the_admin

if [ -n "$fit" ]; then
    echo "$tried limits, $missed edits that do not fit"
else
    echo "$tried limits, $missed without a test"
fi
[ "$missed" -eq 0 ]
