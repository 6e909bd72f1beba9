//! Reads that stop short of what is there: at an urgent mark (`MSG_OOB`) more stands behind it.
//!
//! Everything has arrived before the server looks, so no second event comes to its help.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use socket2::SockRef;

use super::bounds::ByHand;
use super::{PING, PONG, UPGRADE};
use crate::config::Listen;
use crate::net::conn::Conn;
use crate::net::listen::Listener;

/// What a peer sends.
#[derive(Clone, Copy, Debug)]
enum Piece<'a> {
    Bytes(&'a [u8]),
    /// One byte as urgent data. It is no part of the stream, unless the receiver wants it there.
    Urgent(u8),
}

use Piece::{Bytes, Urgent};

fn send(stream: &SockRef<'_>, pieces: &[Piece<'_>]) {
    for piece in pieces {
        let (sent, want) = match piece {
            Bytes(bytes) => (stream.send(bytes), bytes.len()),
            Urgent(byte) => (stream.send_out_of_band(&[*byte]), 1),
        };
        assert_eq!(sent.expect("taken"), want);
    }
}

fn first(hand: &mut ByHand) -> Option<&mut Conn> {
    hand.server.sockets.at(0)
}

/// Sends the pieces, in which are so many pings, and wants as many pongs.
#[track_caller]
fn check(hand: &mut ByHand, stream: SockRef<'_>, pieces: &[Piece<'_>], pings: usize) {
    let want = PONG.repeat(pings);
    send(&stream, &[Bytes(UPGRADE.as_bytes())]);
    hand.turn_until("the upgrade", |hand| hand.server.sockets.open_count() == 1);
    let before = hand.server.sockets.traffic.bytes_out;
    send(&stream, pieces);
    hand.turn_until("the last pong", |hand| {
        let sent = hand.server.sockets.traffic.bytes_out - before;
        want.len() as u64 <= sent
    });
    let mut heard = vec![0; 4_096];
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a socket");
    let mut count = 0;
    while !heard[..count].ends_with(&want) {
        let mut stream = &*stream;
        let more = stream.read(&mut heard[count..]).expect("the pongs");
        assert_ne!(more, 0, "an end instead of {want:?}");
        count += more;
    }
    // And from now on it is a connection like any other.
    let again = |hand: &mut ByHand| first(hand).is_some_and(|conn| conn.has_more());
    while again(hand) {
        hand.turn();
    }
    let conn = first(hand).expect("it is open");
    assert!(!conn.urgent, "it costs a call more for ever");
}

/// Where urgent bytes may stand.
fn table() -> Vec<(Vec<Piece<'static>>, usize)> {
    let (half, other) = PING.split_at(3);
    vec![
        (vec![Bytes(PING), Bytes(PING)], 2),
        (vec![Bytes(PING), Urgent(b'!'), Bytes(PING)], 2),
        (vec![Urgent(b'!'), Bytes(PING)], 1),
        (vec![Bytes(half), Urgent(b'!'), Bytes(other)], 1),
        (vec![Bytes(PING), Urgent(b'!')], 1),
    ]
}

#[test]
fn what_stands_behind_an_urgent_byte_is_read() {
    for (pieces, pings) in table() {
        let mut hand = ByHand::start(|_| ());
        let stream: TcpStream = hand.connect(1).remove(0);
        check(&mut hand, SockRef::from(&stream), &pieces, pings);
    }
}

#[test]
fn so_it_is_on_a_unix_socket() {
    for (pieces, pings) in table() {
        let place = std::env::temp_dir().join(format!("roshambo-urgent-{}", std::process::id()));
        let path = place.clone();
        let mut hand = ByHand::start(|config| config.listen = Listen::Unix(path));
        let stream = UnixStream::connect(&place).expect("the server listens");
        check(&mut hand, SockRef::from(&stream), &pieces, pings);
    }
}

/// A listener that a service manager made may have the option; its connections have it too.
#[test]
fn an_urgent_byte_in_its_line_is_a_byte_like_any_other() {
    let mut hand = ByHand::start(|_| ());
    match hand.server.listener() {
        Listener::Tcp(listener) => SockRef::from(listener).set_out_of_band_inline(true),
        Listener::Unix(..) => panic!("TCP was asked for"),
    }
    .expect("a socket");
    let stream: TcpStream = hand.connect(1).remove(0);
    let (urgent, other) = PING.split_first().expect("it is not empty");
    let pieces = [Bytes(PING), Urgent(*urgent), Bytes(other), Bytes(PING)];
    check(&mut hand, SockRef::from(&stream), &pieces, 3);
}

#[test]
fn an_urgent_byte_within_a_request_head_does_not_hold_it_up() {
    let mut hand = ByHand::start(|_| ());
    let mut stream = hand.connect(1).remove(0);
    let (begin, end) = UPGRADE.split_at(40);
    let pieces = [Bytes(begin.as_bytes()), Urgent(b'!'), Bytes(end.as_bytes())];
    send(&SockRef::from(&stream), &pieces);
    hand.turn_until("the upgrade", |hand| hand.server.sockets.open_count() == 1);
    stream.write_all(PING).expect("taken");
}
