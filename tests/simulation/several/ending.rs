//! The end of a world: two look for one room, and its server dies.

use roshambo::hub::Input;

use super::{HUBS, TURNS_MAX, World};

impl World {
    /// Time passes, and everybody is heard at once.
    pub(super) fn pass_steadily(&mut self, ms: u64) {
        for _ in 0..ms / 500 {
            self.pass_ms(500);
            for at in 0..HUBS {
                self.work(at, usize::MAX);
                while self.hear(at) {}
            }
            self.look();
        }
    }

    /// Two look for one room from different servers; then its server dies.
    pub(super) fn meet(&mut self) {
        for at in 0..HUBS {
            self.scatter(at);
        }
        let mut turns = 0;
        while self.servers.iter().any(|server| server.process.is_none()) {
            turns += 1;
            assert!(turns < TURNS_MAX, "a lease is never over");
            self.pass_steadily(1_000);
            (0..HUBS).for_each(|at| self.start(at));
        }
        self.pass_steadily(2_000);
        let (here, there) = match self.rng.bool() {
            true => (0, 1),
            false => (1, 0),
        };
        for client in &mut self.clients {
            client.code = None;
        }
        // One person does not meet himself.
        (self.clients[1].sub, self.clients[1].token) = (None, None);
        self.find_room(0, here, "new");
        let code = self.clients[0].code.clone().expect("a room");
        let elsewhere = self.figures.count("elsewhere");
        self.find_room(1, there, &code);
        assert!(
            elsewhere < self.figures.count("elsewhere"),
            "{code} is not elsewhere"
        );
        self.find_room(1, here, &code);
        self.are_together(&code);
        self.kill(here);
        self.pass_steadily(5_000);
        for index in [0, 1] {
            self.find_room(index, there, &code);
        }
        self.are_together(&code);
        self.figures.add("met", 1);
    }

    /// Somebody comes and asks for a room.
    fn find_room(&mut self, index: usize, at: usize, room: &str) {
        while !self.clients[index].lines.is_empty() {
            self.hang_up(index, 0);
        }
        self.clients[index].code = None;
        self.come(index, Some(at));
        self.pass_steadily(500);
        let line = self.clients[index].lines.last_mut().expect("a line");
        // It may leave a round.
        line.streak = None;
        let conn = line.conn;
        for text in [
            r#"["leave"]"#.to_owned(),
            format!(r#"["join",{{"room":"{room}"}}]"#),
        ] {
            let bench = &mut self.servers[at].bench;
            bench.tell(Input::Text { conn, text: &text });
            self.pass_steadily(500);
        }
    }

    /// Both sit in the room.
    fn are_together(&self, code: &str) {
        for client in &self.clients[..2] {
            assert_eq!(client.code.as_deref(), Some(code), "they do not meet");
        }
    }
}
