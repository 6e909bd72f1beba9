//! Who is best: what is asked, who waits for the answer, and what is kept of it for a moment.
//!
//! Whoever asks, the store is asked the same question once in [`KEPT_MS`] at most. Who waits for
//! its answer is told when it comes; nothing is held meanwhile. While the store cannot be asked,
//! the last board that is known is told. Absent: who may be on a board, and how a place is found.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::Hub;
use super::snapshot::{ensure, pairs};
use crate::model::{
    Avatar, Board, BoardPlayer, BoardRow, ConnId, Event, PlayerId, ProblemCode, Rank, Request,
    Standing, StoreOp, Sub, Week,
};
use crate::time::Millis;
use crate::wire::event;
use crate::world::{Fault, Outcome};

/// How long an answer of the store's is told to whoever asks, too.
pub(crate) const KEPT_MS: u64 = 2_000;
/// How long a page waits for the store.
const PAGE_WAIT_MS: u64 = 2_000;
/// Most questions that the store is being asked, and most answers that are kept.
const QUESTIONS_MAX: usize = 1_000;
/// Most that wait for one answer.
const WAITERS_MAX: usize = 1_000;
/// Longest address of a picture on a board, in bytes: ten rows, and names that need escapes in all
/// of their bytes, are no more than `--max-queue` takes by default.
const AVATAR_BYTES_MAX: usize = 200;

/// The hub's side of the board.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct BoardDesk {
    /// There is a board.
    open: bool,
    /// What the store is being asked, and who waits for it.
    #[serde(with = "pairs")]
    asked: BTreeMap<Question, BTreeSet<ConnId>>,
    /// What it answered, and when. Asked again, it answers anew.
    #[serde(skip)]
    kept: BTreeMap<Question, (Millis, Answer)>,
    /// Both boards as a page reads them, and when each of them was told.
    #[serde(skip)]
    page: Option<([Millis; 2], Rc<[u8]>)>,
    /// Since when pages wait for an answer, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    page_asked: Option<Millis>,
}

/// What a page that asks who is best is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BoardPage {
    /// There is no board.
    #[default]
    None,
    /// The store has to be asked: [`Input::BoardAsked`](super::Input::BoardAsked).
    Ask,
    /// It cannot be asked, or does not answer, and nothing is known.
    Away,
    /// JSON, of which no byte is anybody's uid.
    Known(Rc<[u8]>),
}

/// What the store can be asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Question {
    Top(Week),
    Rank(Sub, Week),
}

#[derive(Clone, Debug)]
enum Answer {
    Top(Rc<[BoardPlayer]>),
    Rank(Box<Rank>),
}

impl Hub {
    /// From now on there is a board, and who asks is told who is best.
    pub fn keep_board(&mut self) {
        self.board.open = true;
    }

    /// Whether there is a board.
    pub(super) fn has_board(&self) -> bool {
        self.board.open && self.desk.open
    }

    /// Whether a question can be asked now.
    pub(super) fn may_ask_board(
        &mut self,
        now: Millis,
        player: PlayerId,
        request: &Request,
    ) -> Outcome {
        if !self.has_board() {
            return Outcome::Refused(ProblemCode::NoBoard);
        }
        // Somebody who is no person stands on no board, and that is known without asking.
        let Some(question) = self.question(now, player, request) else {
            return match request {
                Request::Rank(_) => Outcome::Done,
                _ => Outcome::Refused(ProblemCode::BoardAway),
            };
        };
        let board = &mut self.board;
        if board.is_fresh(now, &question) {
            return Outcome::Done;
        }
        let can_ask = match board.asked.get(&question) {
            Some(waiters) => waiters.len() < WAITERS_MAX,
            None => !self.desk.is_away() && board.asked.len() < QUESTIONS_MAX,
        };
        let is_known = matches!(question, Question::Top(_)) && board.kept.contains_key(&question);
        match can_ask || is_known {
            true => Outcome::Done,
            false => Outcome::Refused(ProblemCode::BoardAway),
        }
    }

    /// Tells somebody who may ask what is known, or asks the store.
    pub(super) fn tell_board(&mut self, now: Millis, conn: ConnId, request: &Request) {
        let Some(player) = self.session(conn).and_then(|session| session.player) else {
            return;
        };
        let Some(question) = self.question(now, player, request) else {
            if let Request::Rank(board) = *request {
                let rank = Box::default();
                self.tell(conn, &Event::Rank { board, rank });
            }
            return;
        };
        let board = &mut self.board;
        let fresh = board.is_fresh(now, &question);
        if !fresh && !self.desk.is_away() {
            let waiters = board.asked.len();
            match board.asked.get_mut(&question) {
                Some(waiters) if waiters.len() < WAITERS_MAX => {
                    waiters.insert(conn);
                    return;
                }
                None if waiters < QUESTIONS_MAX => {
                    board.asked.insert(question.clone(), BTreeSet::from([conn]));
                    return self.ask_board(question);
                }
                _ => (),
            }
        }
        if let Some((_, answer)) = board.kept.get(&question) {
            let event = question.event(answer);
            self.tell(conn, &event);
        }
    }

    /// What a page is answered that asks now.
    pub fn board_page(&mut self, now: Millis) -> BoardPage {
        if !self.has_board() {
            return BoardPage::None;
        }
        let Some(questions) = self.page_questions(now) else {
            return BoardPage::Away;
        };
        let board = &mut self.board;
        let told = questions.each_ref().map(|question| {
            let (at, answer) = board.kept.get(question)?;
            match answer {
                Answer::Top(players) => Some((*at, Rc::clone(players))),
                Answer::Rank(_) => None,
            }
        });
        let away = self.desk.is_away();
        let is_fresh = questions
            .iter()
            .all(|question| board.is_fresh(now, question));
        let is_asked = |question| board.asked.contains_key(question);
        if !questions.iter().any(is_asked) {
            board.page_asked = None;
        }
        let is_late = board.page_until().is_some_and(|until| until <= now);
        if !is_fresh && !away && !is_late {
            let can_ask = board.asked.len() + questions.len() <= QUESTIONS_MAX;
            return match can_ask || questions.iter().all(is_asked) {
                true => BoardPage::Ask,
                false => BoardPage::Away,
            };
        }
        let [Some((week_at, week)), Some((ever_at, ever))] = told else {
            return BoardPage::Away;
        };
        let told_at = [week_at, ever_at];
        let known = board.page.take().filter(|(at, _)| *at == told_at);
        let text = known.map_or_else(
            || {
                let mut text = String::new();
                event::encode_board_page(&week, &ever, &mut text);
                text.into_bytes().into()
            },
            |(_, text)| text,
        );
        board.page = Some((told_at, Rc::clone(&text)));
        BoardPage::Known(text)
    }

    /// When pages that wait for the store's answer are answered without it.
    #[must_use]
    pub fn board_page_until(&self) -> Option<Millis> {
        self.board.page_until()
    }

    fn page_questions(&self, now: Millis) -> Option<[Question; 2]> {
        let week = Week::of(self.unix_s(now)?)?;
        Some([week, Week::EVER].map(Question::Top))
    }

    /// A page waits until both boards are known.
    pub(super) fn page_asks(&mut self, now: Millis) {
        let questions = self.page_questions(now);
        if !self.board.open || !self.desk.open || self.desk.is_away() {
            return;
        }
        self.board.page_asked.get_or_insert(now);
        for question in questions.into_iter().flatten() {
            let board = &mut self.board;
            let is_known = board.is_fresh(now, &question) || board.asked.contains_key(&question);
            if !is_known && board.asked.len() < QUESTIONS_MAX {
                board.asked.insert(question.clone(), BTreeSet::new());
                self.ask_board(question);
            }
        }
    }

    fn ask_board(&mut self, question: Question) {
        self.order_store(match question {
            Question::Top(week) => StoreOp::Top { week },
            Question::Rank(sub, week) => StoreOp::Rank {
                sub: sub.as_str().to_owned(),
                week,
            },
        });
    }

    /// What the store is to be asked; `None`: the clock is not known, or it is nobody.
    fn question(&self, now: Millis, player: PlayerId, request: &Request) -> Option<Question> {
        let week = |board| match board {
            Board::Week => Week::of(self.unix_s(now)?),
            Board::Ever => Some(Week::EVER),
        };
        match *request {
            Request::Top(board) => Some(Question::Top(week(board)?)),
            Request::Rank(board) => {
                let sub = self.world.person_of(player)?.clone();
                Some(Question::Rank(sub, week(board)?))
            }
            _ => None,
        }
    }

    /// The store says who is best.
    pub(super) fn top_told(&mut self, now: Millis, week: Week, rows: &[BoardRow]) {
        let players = rows.iter().zip(1..);
        let players = players.map(|(row, place)| self.board_player(row, Some(place)));
        let players: Rc<[BoardPlayer]> = players.collect::<Vec<_>>().into();
        self.board_told(now, Question::Top(week), Answer::Top(players));
    }

    /// The store says where somebody stands.
    pub(super) fn rank_told(
        &mut self,
        now: Millis,
        sub: &str,
        week: Week,
        standing: Option<&Standing>,
    ) {
        let Some(sub) = Sub::new(sub) else {
            return;
        };
        let rank = standing.map(|standing| self.rank_of(standing));
        let answer = Answer::Rank(Box::new(rank.unwrap_or_default()));
        self.board_told(now, Question::Rank(sub, week), answer);
    }

    fn board_told(&mut self, now: Millis, question: Question, answer: Answer) {
        // Told twice, or after the answer was given up.
        let Some(waiters) = self.board.asked.remove(&question) else {
            return;
        };
        let event = question.event(&answer);
        for conn in waiters {
            self.tell(conn, &event);
        }
        self.board.keep(now, question, answer);
    }

    /// The store cannot be asked: who waits is told what was known before, or that.
    pub(super) fn board_away(&mut self) {
        for (question, waiters) in std::mem::take(&mut self.board.asked) {
            let event = match self.board.kept.get(&question) {
                Some((_, answer)) => question.event(answer),
                None => Event::Problem {
                    code: ProblemCode::BoardAway,
                    event: question.name().into(),
                },
            };
            for conn in waiters {
                self.tell(conn, &event);
            }
        }
    }

    fn rank_of(&mut self, standing: &Standing) -> Rank {
        let own = standing.place;
        let before = standing.above.len();
        let rows = standing
            .above
            .iter()
            .chain([&standing.own])
            .chain(&standing.below);
        let rows = rows.zip(0_u32..).map(|(row, index)| {
            let place = own.and_then(|place| (place + index).checked_sub(before as u32));
            let place = place.filter(|place| *place <= Standing::PLACES_MAX);
            (row, place)
        });
        let players = rows
            .map(|(row, place)| self.board_player(row, place))
            .collect();
        Rank {
            place: own,
            percent: standing.percent,
            points: standing.own.points,
            players,
        }
    }

    fn board_player(&mut self, row: &BoardRow, place: Option<u32>) -> BoardPlayer {
        let mut profile = self.profile_of(&row.profile);
        if AVATAR_BYTES_MAX < profile.avatar.text().len() {
            profile.avatar = Avatar::None;
        }
        let points = row.points;
        BoardPlayer {
            place,
            profile,
            points,
        }
    }

    /// What must hold between any two inputs.
    pub(super) fn check_board(&self) -> Result<(), Fault> {
        let board = &self.board;
        ensure(board.asked.len() <= QUESTIONS_MAX, "too many questions")?;
        ensure(
            board.kept.len() <= QUESTIONS_MAX,
            "too many answers are kept",
        )?;
        let crowds = board.asked.values();
        ensure(
            crowds.map(BTreeSet::len).all(|crowd| crowd <= WAITERS_MAX),
            "too many wait for one answer",
        )?;
        ensure(
            board.asked.is_empty() || !self.desk.is_away(),
            "nobody waits for a board in vain",
        )
    }
}

impl BoardDesk {
    /// Whether there is nothing to be carried.
    pub(super) fn is_new(&self) -> bool {
        !self.open && self.asked.is_empty() && self.page_asked.is_none()
    }

    fn page_until(&self) -> Option<Millis> {
        self.page_asked.map(|since| since + PAGE_WAIT_MS)
    }

    fn is_fresh(&self, now: Millis, question: &Question) -> bool {
        let kept = self.kept.get(question);
        kept.is_some_and(|(at, _)| now.since(*at) < KEPT_MS)
    }

    /// Of places only what is fresh is kept, of boards the last one.
    fn keep(&mut self, now: Millis, question: Question, answer: Answer) {
        if QUESTIONS_MAX <= self.kept.len() || matches!(question, Question::Top(_)) {
            let this_week = match question {
                Question::Top(week) | Question::Rank(_, week) if week != Week::EVER => Some(week),
                _ => None,
            };
            self.kept.retain(|question, (at, _)| match *question {
                Question::Rank(..) => now.since(*at) < KEPT_MS,
                // Of the weeks before nobody asks any more.
                Question::Top(week) => {
                    week == Week::EVER || this_week.is_none_or(|this_week| week == this_week)
                }
            });
        }
        if self.kept.len() < QUESTIONS_MAX {
            self.kept.insert(question, (now, answer));
        }
    }
}

impl Question {
    fn event(&self, answer: &Answer) -> Event {
        let (Self::Top(week) | Self::Rank(_, week)) = self;
        let board = match *week {
            Week::EVER => Board::Ever,
            _ => Board::Week,
        };
        match answer {
            Answer::Top(players) => Event::Top {
                board,
                players: Rc::clone(players),
            },
            Answer::Rank(rank) => Event::Rank {
                board,
                rank: rank.clone(),
            },
        }
    }

    /// Of the event that asks it.
    fn name(&self) -> &'static str {
        match self {
            Self::Top(_) => "top",
            Self::Rank(..) => "rank",
        }
    }
}
