//! What clients say, and what they are told.

use roshambo::hub::{Dialect, Input};
use roshambo::model::ConnId;
use serde_json::Value;

use super::ranks::Rival;
use super::{GAME_MS, HUBS, LETTERS, Line, PERSONS, World, oracle};
use crate::common::{Act, Deed};

impl World {
    pub(super) fn speak(&mut self, index: usize) {
        let count = self.clients[index].lines.len();
        if count == 0 {
            return self.come(index, None);
        }
        // Now and then it is one that was given up.
        let nth = match self.rng.u32(..3) {
            0 => self.rng.usize(..count),
            _ => count - 1,
        };
        let line = self.clients[index].lines[nth].clone();
        let text = match self.rng.u32(..24) {
            0..16 if !line.playing => r#"["join"]"#.to_owned(),
            0..16 => format!(r#"["choice",{{"choice":{}}}]"#, self.rng.u32(1..=3)),
            16 => {
                self.untold(&line);
                let line = &mut self.clients[index].lines[nth];
                if std::mem::take(&mut line.playing) {
                    line.streak = None;
                }
                r#"["leave"]"#.into()
            }
            17 => r#"["join",{"room":"new"}]"#.into(),
            18..20 => match self.codes.last() {
                Some(code) => {
                    self.clients[index].code = Some(code.clone());
                    format!(r#"["join",{{"room":"{code}"}}]"#)
                }
                None => r#"["away"]"#.into(),
            },
            20 => return self.hang_up(index, nth),
            _ => return self.come(index, None),
        };
        self.say(&line, &text);
    }

    /// Two persons at one server play each other.
    pub(super) fn duel(&mut self) {
        let at = self.rng.usize(..HUBS);
        let mut duellists: Vec<Line> = Vec::new();
        let newest = self.clients.iter().filter_map(|client| client.lines.last());
        for line in newest.filter(|line| line.at == at && line.greeted && !line.playing) {
            let is_other = |known: &Line| known.sub != line.sub;
            if line.sub.is_some() && duellists.len() < 2 && duellists.iter().all(is_other) {
                duellists.push(line.clone());
            }
        }
        let [one, other] = duellists.as_slice() else {
            // Somebody more is needed.
            let index = self.rng.usize(..self.clients.len());
            self.sign(index);
            return self.come(index, Some(at));
        };
        let count = self.codes.len();
        self.say(one, r#"["join",{"room":"new"}]"#);
        self.look();
        if let Some(code) = self.codes.get(count).cloned() {
            self.say(other, &format!(r#"["join",{{"room":"{code}"}}]"#));
            self.say(one, r#"["choice",{"choice":2}]"#);
            self.say(other, r#"["choice",{"choice":3}]"#);
        }
    }

    fn say(&mut self, line: &Line, text: &str) {
        let conn = line.conn;
        let bench = &mut self.servers[line.at].bench;
        if bench.hub().is_held(conn)
            && let Some((index, nth)) = self.find_line((line.at, conn))
        {
            // It may leave a round that has not begun yet.
            self.clients[index].lines[nth].leaves = true;
        }
        let bench = &mut self.servers[line.at].bench;
        bench.tell(Input::Text { conn, text });
    }

    /// It may win what it is not told.
    fn untold(&mut self, line: &Line) {
        self.book.untold(line, self.now + GAME_MS);
        if line.may_play() {
            self.blur(line);
        }
    }

    pub(super) fn hang_up(&mut self, index: usize, nth: usize) {
        let line = self.clients[index].lines.remove(nth);
        self.untold(&line);
        let conn = line.conn;
        self.servers[line.at].bench.tell(Input::Closed { conn });
    }

    /// Now and then somebody signs in, on a device that has a session or was emptied, or signs out.
    fn sign(&mut self, index: usize) {
        let dice = self.rng.u32(..24);
        let client = &mut self.clients[index];
        let is_erased = |sub| self.book.is_erased(&oracle::person(sub));
        match client.sub {
            None if dice < 12 => client.sub = self.rng.choice(PERSONS).copied(),
            Some(_) if dice < 4 => client.token = None,
            Some(sub) if dice < 6 || (is_erased(sub) && dice < 12) => client.sub = None,
            _ => (),
        }
        // Who signs out of a session of his leaves it.
        if let (Some(sub), Some(token)) = (client.sub, &client.token)
            && self.book.is_of_another(token, sub)
        {
            client.token = None;
        }
    }

    /// A new connection, where its last one was or elsewhere; the former one may still be there.
    pub(super) fn come(&mut self, index: usize, to: Option<usize>) {
        let last = self.clients[index].lines.last().map(|line| line.at);
        let stays = self.rng.u32(..3) == 0;
        let at = to.or(last.filter(|_| stays));
        let at = at.unwrap_or_else(|| self.rng.usize(..HUBS));
        if self.servers[at].process.is_none() {
            return;
        }
        if last.is_some() && self.rng.bool() {
            self.hang_up(index, self.clients[index].lines.len() - 1);
        }
        self.figures
            .add("moved", u64::from(last.is_some_and(|last| last != at)));
        if to.is_none() {
            self.sign(index);
        }
        let conn = self.servers[at].bench.open(Dialect::Plain);
        self.came += 1;
        let mut line = Line::new(at, (conn, self.came), &self.clients[index]);
        if let (Some(sub), Some(token)) = (line.sub, &line.token) {
            self.book.join(token, sub);
        }
        if line.sub.is_some() || line.token.is_some() {
            line.least = self.hold(&line);
        }
        if let Some(sub) = line.sub {
            let mut others = self.clients.iter().flat_map(|client| &client.lines);
            let both = others.any(|other| other.sub == Some(sub) && other.at != at);
            self.figures.add("devices", both.into());
        }
        let session = line.token.as_ref();
        let session = session.map(|token| format!(r#","session":"{token}""#));
        let signed = line
            .sub
            .map(|sub| format!(r#","token":"{}""#, self.signed[sub]));
        let (session, signed) = (session.unwrap_or_default(), signed.unwrap_or_default());
        self.clients[index].lines.push(line);
        let text = format!(r#"["hello",{{"user":{{"uname":"c{index}"}},"v":2{session}{signed}}}]"#);
        let bench = &mut self.servers[at].bench;
        bench.tell(Input::Text { conn, text: &text });
        // Its server may ask the store for it rather than go on with what it knows.
        if let Some(token) = self.clients[index].token.clone() {
            self.look_up(at, &token);
        }
    }

    /// What the clients were told.
    pub(super) fn look(&mut self) {
        for at in 0..HUBS {
            for deed in self.servers[at].bench.take_deeds() {
                self.see(at, deed);
            }
        }
        // Who took somebody's session may be let in just behind it.
        for (line, code) in std::mem::take(&mut self.closed) {
            self.check_closed(&line, code);
        }
    }

    fn see(&mut self, at: usize, deed: Deed) {
        let Deed {
            at: when,
            conn,
            act,
        } = deed;
        if let (Act::Text(text), Some((visitor, told))) = (&act, &mut self.visitor)
            && *visitor == (at, conn)
        {
            told.push(serde_json::from_str(text).expect("an event"));
        }
        let Some((index, nth)) = self.find_line((at, conn)) else {
            return;
        };
        match act {
            Act::Text(text) => {
                let event: Value = serde_json::from_str(&text).expect("an event");
                self.hear_event(when, (index, nth), &event);
            }
            Act::Close(code) => {
                let line = self.clients[index].lines.remove(nth);
                self.closed.push((line, code));
            }
            Act::Ping | Act::Pong(_) => (),
        }
    }

    pub(super) fn find_line(&self, place: (usize, ConnId)) -> Option<(usize, usize)> {
        self.clients.iter().enumerate().find_map(|(index, client)| {
            let mut lines = client.lines.iter();
            let nth = lines.position(|line| (line.at, line.conn) == place)?;
            Some((index, nth))
        })
    }

    fn hear_event(&mut self, when: u64, place: (usize, usize), event: &Value) {
        let (name, body) = (event[0].as_str().unwrap_or_default(), &event[1]);
        let (index, nth) = place;
        match name {
            "hi" => self.hear_hi(when, place, event),
            "start" => {
                let line = &mut self.clients[index].lines[nth];
                line.playing = true;
                // One that is told again to who came back says less than when it began.
                line.began = Some(when).filter(|&at| line.greeted_at != at);
                self.name_all();
                self.clients[index].lines[nth].rival = self.find_rival(place, body);
            }
            "result" => self.hear_result(when, place, body),
            "room" => {
                if let Some(code) = body["code"].as_str() {
                    self.codes.push(code.to_owned());
                    self.clients[index].code = Some(code.to_owned());
                }
            }
            "problem" if body["code"] == "room-elsewhere" => {
                self.figures.add("elsewhere", 1);
                let to = body["instance"].as_str().expect("an instance");
                let to = LETTERS.iter().position(|letter| *letter == to);
                let to = to.expect("one of them");
                assert_ne!(to, self.clients[index].lines[nth].at, "it leads nowhere");
            }
            "problem" if body["code"] == "bad-token" => {
                let line = &self.clients[index].lines[nth];
                assert!(line.sub.is_none(), "{event} {line:?}");
            }
            _ => (),
        }
    }

    fn hear_hi(&mut self, when: u64, (index, nth): (usize, usize), event: &Value) {
        let body = &event[1];
        let token = body["session"].as_str().expect("a token").to_owned();
        let is_last = nth + 1 == self.clients[index].lines.len();
        let former = self.clients[index].lines[nth].clone();
        // What is played where it was is told to nobody.
        if former.token.as_ref() != Some(&token) {
            self.untold(&former);
        }
        let line = &mut self.clients[index].lines[nth];
        let is_renamed = former.token.as_ref() != Some(&token);
        line.renamed |= line.playing && is_renamed;
        line.playing &= !is_renamed;
        line.token = Some(token.clone());
        line.pending = body["pending"] == true;
        (line.greeted, line.greeted_at, line.sure) = (true, when, false);
        line.uid = body["uid"].as_str().expect("a uid").to_owned();
        line.total = body["totalScore"].as_u64().expect("a total");
        line.streak = body["winStreak"].as_u64();
        self.know(&former, (index, nth), body["resumed"] == true);
        if former.may_play() {
            // For its rival it may be still whom that began to play.
            let uid = &self.clients[index].lines[nth].uid;
            self.ranks.rename(&former.uid, uid);
        }
        if is_last {
            self.clients[index].token = Some(token.clone());
        }
        let line = self.clients[index].lines[nth].clone();
        self.figures.add("pending", line.pending.into());
        self.figures
            .add("signed in", u64::from(line.sub.is_some() && !line.pending));
        if let (Some(brought), None) = (&former.token, line.sub) {
            // A person's gets another name when he signs in elsewhere.
            let is_there = self.store.session(brought).is_some();
            let is_renamed = self.book.is_of_person(brought) && !is_there;
            let right = *brought == token || line.least == 0 || is_renamed;
            assert!(right, "{brought} is refused: {event}");
            if *brought != token || is_renamed {
                self.clients[index].lines[nth].least = 0;
            }
        }
        self.book.hold_fresh(&line, &self.store);
        if !former.greeted || former.token != line.token {
            self.book.let_in(&line, &self.store);
        }
        if line.pending {
            return;
        }
        let line = self.clients[index].lines[nth].clone();
        self.book.check_told(&line, event, &self.store);
        self.book.told(&token, line.at, line.total);
    }

    /// Whose the session is that a line was told.
    fn know(&mut self, former: &Line, (index, nth): (usize, usize), resumed: bool) {
        let seats = match self.book.has_erased() {
            true => self.seats(former.at),
            false => Vec::new(),
        };
        let line = &mut self.clients[index].lines[nth];
        let token = line.token.clone().expect("it was greeted");
        let seat = seats.iter().find(|seat| seat.is_of(line));
        let is_seated = |sub: &&&str| seat.is_some_and(|seat| seat.is_person(sub));
        let seated = PERSONS.iter().find(is_seated);
        let brought = former.token.as_ref().map(|token| self.book.family(token));
        let family = line.sub.map(oracle::person).or(brought).unwrap_or_default();
        let is_known = self.book.is_of_person(&token) || seated.is_some();
        let whose = PERSONS.iter().find(|sub| oracle::person(sub) == family);
        if self.book.is_erased(&family) && former.greeted && !is_known && line.total == 0 {
            // Who was erased goes on as somebody new.
            line.sub = None;
        } else if let Some(sub) = line.sub {
            self.book.join(&token, sub);
        } else if let Some(sub) = seated.or(whose.filter(|_| resumed && former.greeted)) {
            // It has another name since the person signed in elsewhere.
            self.book.join(&token, sub);
        } else if let (true, Some(sub)) = (0 < line.total, family.strip_prefix('@'))
            && self.book.is_erased(&family)
        {
            // Or for a while as who he was.
            self.book.join(&token, sub);
        }
        if let Some(sub) = self.book.person_of(line) {
            self.ranks.name(&line.uid, sub);
        }
    }

    /// Whose a session is may have come out since somebody was told of it.
    pub(super) fn name_all(&mut self) {
        let lines = self.clients.iter().flat_map(|client| &client.lines);
        for line in lines.filter(|line| line.greeted) {
            if let Some(sub) = self.book.person_of(line) {
                self.ranks.name(&line.uid, sub);
            }
        }
    }

    fn hear_result(&mut self, when: u64, (index, nth): (usize, usize), body: &Value) {
        let line = &mut self.clients[index].lines[nth];
        // A result that is repeated is no news.
        if line.greeted_at == when {
            return;
        }
        (line.playing, line.renamed, line.leaves) = (false, false, false);
        if let Some(began) = line.began.take() {
            assert_eq!(when - began, GAME_MS, "a round was held");
        }
        let rows = body["result"].as_array().expect("rows");
        // Both are its own where a person left the round on another session, and went on by this one.
        let own = rows.iter().filter(|row| row["uid"] == *line.uid);
        let own = own.max_by_key(|row| row["totalScore"].as_u64());
        let own = own.expect("its own row");
        let number = |key: &str| own[key].as_u64().expect("a number");
        let (points, total) = (number("roundScore"), number("totalScore"));
        assert!(line.total + points <= total, "{line:?}: {own}");
        (line.total, line.streak) = (total, Some(number("winStreak")));
        let rival = line.rival.take().filter(Rival::is_known);
        let line = line.clone();
        self.figures.add("points", points);
        if 0 < points {
            self.name_all();
            for rival in rival.map_or_else(|| self.rivals(&line, body), |rival| vec![rival]) {
                self.rank(&line, when, rival, points);
            }
        }
        let outplayed = 0 < points && self.is_outplayed(&line);
        self.clients[index].lines[nth].outplayed |= outplayed;
        let token = line.token.as_deref().expect("it was greeted");
        self.book.win(token, line.at, points);
        if !line.pending {
            self.book.told(token, line.at, total);
        }
    }

    /// Whether another connection has its session already.
    fn is_outplayed(&self, line: &Line) -> bool {
        let token = line.token.as_deref().unwrap_or_default();
        let key = match line.sub {
            // A session that is not the person's, or not yet, is nobody else's.
            Some(sub) if self.store.session(token).is_none() => oracle::person(sub),
            _ => oracle::key(token, &self.store),
        };
        let newest = self.book.newest(&key);
        let newest = newest.and_then(|place| self.find_line(place));
        let Some((index, nth)) = newest else {
            return false;
        };
        if self.book.is_key_lost(&key) {
            return false;
        }
        let newest = &self.clients[index].lines[nth];
        let seats = self.seats(newest.at);
        let seat = seats.iter().find(|seat| seat.is_of(newest));
        let in_doubt = seat.is_some_and(oracle::Seat::is_in_doubt);
        let has_it = newest.greeted && !newest.pending && !in_doubt;
        let token = newest.token.as_deref().unwrap_or_default();
        let is_same = oracle::key(token, &self.store) == key;
        has_it && is_same && !line.pending && (line.at, line.conn) != (newest.at, newest.conn)
    }
}
