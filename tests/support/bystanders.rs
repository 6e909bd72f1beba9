//! Two players who are in the middle of a round while others do their worst.

use std::net::SocketAddr;

use serde_json::Value;

use super::client::{Client, Dialect, row_of};

/// Two v2 players on one server; the first one always wins.
///
/// The server must be started with `--relay-interval 0 --rate-limit 0` and a long `--robot-after`,
/// and nobody else may wait in its lobby.
#[derive(Debug)]
pub(crate) struct Bystanders {
    clients: [Client; 2],
    uids: [String; 2],
    wins: u64,
    faces: u64,
}

impl Bystanders {
    /// Lets two players start a round.
    pub(crate) fn start(address: SocketAddr) -> Self {
        let (first, hi) = Client::v2(address, Dialect::Plain, "first");
        let (second, other) = Client::v2(address, Dialect::Plain, "second");
        let mut this = Self {
            clients: [first, second],
            uids: [hi.uid, other.uid],
            wins: 0,
            faces: 0,
        };
        this.start_round();
        this
    }

    fn start_round(&mut self) {
        for client in &mut self.clients {
            client.send(r#"["join"]"#);
            client.until("room");
        }
        for (client, choice) in self.clients.iter_mut().zip([2, 1]) {
            client.until("start");
            client.send(&format!(r#"["choice",{{"choice":{choice}}}]"#));
        }
    }

    /// Their round goes on: what one does, the other one sees. If it ends meanwhile, it must have
    /// ended well, and the next one begins.
    #[track_caller]
    pub(crate) fn check(&mut self) {
        loop {
            self.faces += 1;
            let face = format!(r#"["face",{{"face":{}}}]"#, self.faces);
            let want = format!(
                r#"["movement",{{"uid":"{}","movement":"face","face":{}}}]"#,
                self.uids[0], self.faces
            );
            self.clients[0].send(&face);
            loop {
                let event = self.clients[1].event();
                if event == want {
                    return;
                }
                if event.starts_with(r#"["result""#) {
                    self.wins += 1;
                    self.check_result(&event);
                    let other = self.clients[0].until_text("result");
                    self.check_result(&other);
                    break;
                }
            }
            self.start_round();
        }
    }

    /// Waits for the end of their round, which must be the right one.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.wins += 1;
        for side in 0..2 {
            let result = self.clients[side].until_text("result");
            self.check_result(&result);
        }
    }

    #[track_caller]
    fn check_result(&self, event: &str) {
        let event: Value = serde_json::from_str(event).expect("events are JSON");
        let (wins, total) = (self.wins, self.wins * (self.wins + 1) / 2);
        let [winner, loser] = self.uids.each_ref().map(|uid| row_of(&event[1], uid));
        assert_eq!(
            winner,
            (wins, total, wins, Some(2)),
            "the bystanders' round"
        );
        assert_eq!(loser, (0, 0, 0, Some(1)), "the bystanders' round");
    }
}
