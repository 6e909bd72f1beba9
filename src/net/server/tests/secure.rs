//! TLS in a server turned by hand.

use std::io::Write as _;
use std::net::TcpStream;

use super::bounds::ByHand;
use crate::net::tls::tests::{client, with_pair};

#[test]
fn a_turn_shakes_a_few_hands_and_whoever_plays_comes_first() {
    let mut hand = ByHand::start(|config| {
        with_pair(config);
        config.tls_listen = Some(([127, 0, 0, 1], 0).into());
    });
    let port = hand.server.entrance.gate.tls_port().expect("a listener");
    let connect = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let mut hello = Vec::new();
        let mut client = client(&rustls::version::TLS13);
        client.write_tls(&mut hello).expect("memory");
        stream.write_all(&hello).expect("taken");
        stream
    };
    let _streams: Vec<TcpStream> = (0..12).map(connect).collect();
    let accepted = |hand: &ByHand| hand.server.sockets.len() == 12;
    hand.turn_until("all are let in", accepted);
    let mut most = 0;
    while hand.server.sockets.handshakes() < 12 {
        let before = hand.server.sockets.handshakes();
        hand.turn();
        most = most.max(hand.server.sockets.handshakes() - before);
    }
    assert_eq!(most, 4);
    assert_eq!(hand.server.sockets.put_off_count(), 0);
}
