//! What outlives the process: each result of a session, and the codes of private rooms.
//!
//! A result is told at once and noted for the store, which answers some time later. One settlement
//! of a session is under way at a time; what is won meanwhile is merged into the next one. Nothing
//! here waits, and no round either.
//!
//! Who comes with a token while the store cannot be asked plays on a *pending* session: its token
//! is its own, its points are added to what the store has as soon as that is known.
//!
//! Absent: the store, how it is asked, and who waits for its answer.

use serde::{Deserialize, Serialize};

use super::player::{Link, Player};
use super::ranking;
use super::room::{Between, Phase, Private, Room};
use super::rules::Score;
use super::{Effect, World};
use crate::model::{
    Card, ConnId, Generation, Owner, PlayerId, Profile, Ranked, RoomCode, Settled, Sub, Token, Uid,
    is_default,
};
use crate::time::Millis;

/// That a room lives is told to the store at most this often.
pub(super) const TOUCH_MS: u64 = 60_000;

/// What the store is to be told.
#[derive(Debug)]
pub enum Note {
    /// A session won or lost.
    Settle(Box<Settlement>),
    /// A private room was opened here.
    RoomOpened(RoomCode),
    /// Somebody in it did something, lately.
    RoomTouched(RoomCode),
    /// It is to be had at another server.
    RoomReleased(RoomCode),
    /// It ended.
    RoomClosed(RoomCode),
}

/// What one round, or several, changed for one session.
#[derive(Debug)]
pub struct Settlement {
    /// Which session.
    pub token: Token,
    /// In whose name.
    pub owner: Owner,
    /// 1, 2, 3, … for each owner.
    pub seq: u64,
    /// To be added to the total.
    pub points: u32,
    /// Wins in a row after the last of these rounds.
    pub streak: u32,
    /// If the store does not know it yet.
    pub profile: Option<Profile>,
    /// Whose session it is, if it is a person's.
    pub person: Option<Sub>,
    /// For the board, each week once.
    pub ranked: Vec<Ranked>,
    /// The total that its player was told; 0: it may be that of another session.
    pub told: u32,
    /// Its player is not here.
    pub absent: bool,
    /// The session ended, and its person goes on by another one.
    pub ended: bool,
}

/// A session that the store is to be asked about.
#[derive(Debug)]
pub struct Unasked {
    /// Which session.
    pub token: Token,
    /// Its owner from now on.
    pub owner: Owner,
    /// Whose it is: who is to be signed in, or has it already.
    pub person: Option<Sub>,
    /// That one said so when the store was away, is gone, and may play elsewhere by now.
    pub absent: bool,
}

/// What a session has in the store.
#[derive(Debug)]
pub struct Kept {
    /// Who it is there; a drawn uid and no name as long as nobody has written that.
    pub profile: Profile,
    /// Somebody has.
    pub named: bool,
    /// Points and wins in a row.
    pub score: Score,
}

/// One session's dealings with the store. A session that never won has none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Account {
    owner: Owner,
    /// Of the last settlement that was sent.
    seq: u64,
    /// That one is not answered yet.
    #[serde(default, skip_serializing_if = "is_default")]
    under_way: bool,
    /// The store has not said yet what this session had.
    #[serde(default, skip_serializing_if = "is_default")]
    pending: bool,
    /// What was told of it a moment ago stands, if the store says the same.
    #[serde(default, skip_serializing_if = "is_default")]
    quiet: bool,
    /// The store said that it lost some of what it had, since it was asked about this.
    #[serde(default, skip_serializing_if = "is_default")]
    forgotten: bool,
    /// What its player is told as its total may be another session's.
    #[serde(default, skip_serializing_if = "is_default")]
    uncounted: bool,
    /// Nobody had it when it was asked for, and who is about to write it may be another server.
    #[serde(default, skip_serializing_if = "is_default")]
    unclaimed: bool,
    /// Its player came back when it could not be asked for, and may have been elsewhere: it is as
    /// soon as nothing is under way.
    #[serde(default, skip_serializing_if = "is_default")]
    doubtful: bool,
    /// The store knows the profile as it is.
    #[serde(default, skip_serializing_if = "is_default")]
    profile_known: bool,
    /// What came of the rounds since the last settlement was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsent: Option<Unsent>,
    /// What of that counts for the board.
    #[serde(default, skip_serializing_if = "is_default")]
    ranked: Box<[Ranked]>,
}

/// The results that no settlement has taken along yet. The streak is the player's own.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Unsent {
    points: u32,
}

impl Account {
    fn new(owner: Owner) -> Self {
        Self {
            owner,
            seq: 0,
            under_way: false,
            pending: false,
            quiet: false,
            forgotten: false,
            uncounted: false,
            unclaimed: false,
            doubtful: false,
            profile_known: false,
            unsent: None,
            ranked: Box::default(),
        }
    }

    /// Of what is unsent only points are left; that a streak is over is not told.
    fn keep_points(&mut self) {
        self.unsent = self.unsent.filter(|unsent| unsent.points != 0);
    }

    /// The store is asked whether it is as it is here.
    fn ask_in_name_of(&mut self, owner: Owner) {
        self.owner = owner;
        self.seq = 0;
        self.under_way = false;
        (self.unclaimed, self.doubtful) = (false, false);
        (self.pending, self.quiet, self.forgotten) = (true, true, false);
    }
}

impl Player {
    fn account(&self) -> Option<&Account> {
        self.lasting()?.account.as_ref()
    }

    fn drop_account(&mut self) {
        if let Some(lasting) = self.lasting_mut() {
            lasting.account = None;
        }
    }

    fn account_mut(&mut self) -> Option<&mut Account> {
        self.lasting_mut()?.account.as_mut()
    }

    /// Whether it has points that are not in the store as far as we know: then its session neither
    /// ends nor makes room for others.
    pub(super) fn is_owed(&self) -> bool {
        self.account().is_some_and(|account| {
            let worth = |unsent: Unsent| !account.pending || account.quiet || 0 < unsent.points;
            account.under_way || account.unsent.is_some_and(worth)
        })
    }

    /// Whether the store has not said yet what its session had.
    pub(super) fn is_pending(&self) -> bool {
        self.account().is_some_and(|account| account.pending)
    }

    /// Whether the store is to say something of its session yet.
    pub(super) fn is_open(&self) -> bool {
        let account = self.account();
        let is_asked_about = |account: &Account| account.pending || account.doubtful;
        account.is_some_and(is_asked_about) || self.unsigned().is_some()
    }

    /// The store said that a person has it, and that it is taken here.
    pub(super) fn claimed(&mut self) {
        if let Some(account) = self.account_mut() {
            account.unclaimed = false;
        }
    }

    /// Its name or picture changed.
    pub(super) fn renamed(&mut self) {
        if let Some(account) = self.account_mut() {
            account.profile_known = false;
        }
    }
}

impl World {
    /// From now on what outlives the process is noted for a store.
    ///
    /// `first` is where this process begins to count its owners: no other one may begin near it.
    /// One that goes on for another counts on where that one was.
    pub fn keep_in_store(&mut self, first: u64) {
        self.next_owner.get_or_insert(first);
    }

    /// An owner that nobody had before.
    pub fn draw_owner(&mut self) -> Owner {
        let owner = self.next_owner.unwrap_or_default();
        if let Some(next) = &mut self.next_owner {
            *next = next.wrapping_add(1);
        }
        Owner(owner)
    }

    /// How many sessions have points that are not in the store as far as we know.
    #[must_use]
    pub fn owed(&self) -> usize {
        self.owed
    }

    /// Whether a player has points that are not in the store as far as we know.
    #[must_use]
    pub fn is_owed(&self, id: PlayerId) -> bool {
        self.players.get(id).is_some_and(Player::is_owed)
    }

    /// Whether all that a session has was won since its player came: the store has not said yet
    /// what it had, nor was it here before.
    #[must_use]
    pub fn is_provisional(&self, id: PlayerId) -> bool {
        let account = self.players.get(id).and_then(Player::account);
        account.is_some_and(|account| account.pending && !account.quiet)
    }

    /// Notes what a round changed for a player: points, or the end of its streak; and what of that
    /// counts for the board.
    pub(super) fn note_score(&mut self, id: PlayerId, points: u32, ranked: Option<Ranked>) {
        let Some(player) = self.players.get(id) else {
            return;
        };
        let worth = player.score.has_points() || player.is_pending();
        if self.next_owner.is_none() || player.token.is_none() || !worth {
            return;
        }
        let fresh = player.account().is_none().then(|| self.draw_owner());
        self.change_account(id, |player| {
            let account = &mut player.begin_lasting().account;
            if let Some(owner) = fresh {
                *account = Some(Account::new(owner));
            }
            if let Some(account) = account {
                let unsent = account.unsent.get_or_insert_default();
                unsent.points = unsent.points.saturating_add(points);
                if let Some(ranked) = ranked {
                    let mut unsettled = std::mem::take(&mut account.ranked).into_vec();
                    ranking::merge(&mut unsettled, ranked);
                    account.ranked = unsettled.into();
                }
            }
        });
        self.send_settlement(id);
        // Whose player is gone was left alone as long as it had nothing to be written.
        if self.is_provisional(id) && self.conn_of(id).is_none() && !self.is_signing_in(id) {
            self.unasked.insert(id);
        }
    }

    /// What a player is told as its total from now on may be another session's.
    pub fn count_apart(&mut self, id: PlayerId) {
        self.change_account(id, |player| {
            if let Some(account) = player.account_mut() {
                account.uncounted = true;
            }
        });
    }

    /// Sends what is unsent, unless a settlement is under way.
    pub(super) fn send_settlement(&mut self, id: PlayerId) {
        self.send_settlement_of(id, false, None);
    }

    /// The same; `ended`: of a session that ended. If it is not its own person's, it is `whose`.
    fn send_settlement_of(&mut self, id: PlayerId, ended: bool, whose: Option<Sub>) {
        let absent = self.conn_of(id).is_none();
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        let (profile, score) = (player.card.profile(), player.score);
        // Whose that is the store is being asked: by the token alone it may land with nobody.
        let signs = player.unsigned().is_some();
        let person = whose.or_else(|| player.person().cloned());
        let Some(token) = player.token.clone() else {
            return;
        };
        let Some(account) = player.account_mut() else {
            return;
        };
        if account.under_way || account.pending || signs {
            return;
        }
        let Some(unsent) = account.unsent.take() else {
            return;
        };
        account.seq += 1;
        account.under_way = true;
        let settlement = Settlement {
            token,
            owner: account.owner,
            seq: account.seq,
            points: unsent.points,
            streak: score.streak,
            told: if account.uncounted { 0 } else { score.total },
            // Who is on the board has a name there, also if the store lost it and this process ends
            // before it hears of that.
            profile: (!account.profile_known || !account.ranked.is_empty()).then_some(profile),
            person,
            ranked: std::mem::take(&mut account.ranked).into_vec(),
            absent,
            ended,
        };
        account.profile_known = true;
        let note = Note::Settle(Box::new(settlement));
        self.effects.push_back(Effect::Note(note));
    }

    /// The store's answer to a settlement. One that comes twice, or too late for anybody, does
    /// nothing.
    ///
    /// `fresh` is what a session is called from now on that was erased.
    pub fn settled(
        &mut self,
        now: Millis,
        (token, owner, seq): (&Token, Owner, u64),
        settled: Settled,
        fresh: impl FnOnce() -> (Token, Uid),
    ) {
        let Some(id) = self.player_of(token) else {
            return;
        };
        let account = self.players.get(id).and_then(Player::account);
        let awaited =
            |account: &Account| account.owner == owner && account.under_way && account.seq == seq;
        if !account.is_some_and(awaited) {
            return;
        }
        // A round whose time is over ended before.
        self.settle(now, id);
        match settled {
            Settled::Kept { total } => {
                self.change_account(id, |player| {
                    let Some(account) = player.account_mut() else {
                        return;
                    };
                    (account.under_way, account.uncounted) = (false, false);
                    account.unclaimed = false;
                    // Sessions without points are not written, nor who that is.
                    account.profile_known &= total != 0;
                    let unsent = account.unsent.unwrap_or_default();
                    player.score.total = total.saturating_add(unsent.points);
                });
                match self.may_be_its_own(id) {
                    true => self.ask_again(id),
                    false => self.send_settlement(id),
                }
            }
            // Its player is here, and came after whoever took it; or whose it is now the store is
            // to say before anything more can be written.
            Settled::FormerOwner { .. } if self.may_be_its_own(id) || self.is_signing_in(id) => {
                self.ask_again(id);
            }
            Settled::FormerOwner { .. } => self.replaced(now, id),
            Settled::Erased => self.erased(now, id, fresh),
        }
        self.keep_within_limit(now);
        self.arm_sweep(now);
    }

    /// The store has lost some of what it had: each session is settled once more, with all that its
    /// player was told. Returns those of persons, who are to be signed in once more.
    pub fn remind(&mut self) -> Vec<Unasked> {
        let known = |(id, player): (PlayerId, &Player)| {
            let is_known = |account: &&Account| !account.pending || account.quiet;
            let account = player.account().filter(is_known)?;
            let person = player.person().cloned();
            let token = player.token.clone()?;
            let owner = account.owner;
            Some((
                id,
                Unasked {
                    token,
                    owner,
                    person,
                    absent: false,
                },
            ))
        };
        let known: Vec<(PlayerId, Unasked)> = self.players.iter().filter_map(known).collect();
        let mut persons = Vec::new();
        for (id, whose) in known {
            self.change_account(id, |player| {
                if let Some(account) = player.account_mut() {
                    account.unsent.get_or_insert_default();
                    // It may be that it is not there.
                    (account.profile_known, account.forgotten) = (false, true);
                }
            });
            self.send_settlement(id);
            persons.extend(whose.person.is_some().then_some(whose));
        }
        persons
    }

    /// Another process took the session: what was won here since is still added, and it ends here.
    fn replaced(&mut self, now: Millis, id: PlayerId) {
        if let Some(conn) = self.conn_of(id) {
            self.effects.push_back(Effect::Supersede { conn });
        }
        self.vacate_unsent(now, id);
        self.change_account(id, |player| {
            if let Some(account) = player.account_mut() {
                account.under_way = false;
            }
        });
        self.send_settlement(id);
        self.change_account(id, Player::drop_account);
        self.end_session(now, id);
    }

    /// A session that is no longer this process's leaves its seat, as long as it has an owner:
    /// nobody draws it a new one, who would take it from whoever has it now. That its streak is
    /// over by that is nobody's business.
    fn vacate_unsent(&mut self, now: Millis, id: PlayerId) {
        let mut had_unsent = false;
        self.change_account(id, |player| {
            if let Some(account) = player.account_mut() {
                account.under_way = true;
                had_unsent = account.unsent.is_some();
            }
        });
        // A round that is over by now is written with all else.
        self.settle(now, id);
        self.vacate(now, id);
        self.change_account(id, |player| {
            if let Some(account) = player.account_mut().filter(|_| !had_unsent) {
                account.keep_points();
            }
        });
    }

    /// Somebody erased the session: nothing is left of it, and its player goes on as a new one.
    fn erased(&mut self, now: Millis, id: PlayerId, fresh: impl FnOnce() -> (Token, Uid)) {
        self.unbind(id);
        self.change_account(id, |player| {
            player.drop_account();
            if let Some(play) = player.play_mut() {
                play.last_result = None;
            }
            player.score = Score::default();
        });
        self.unasked.remove(&id);
        if self.conn_of(id).is_none() {
            return self.end_session(now, id);
        }
        let (token, uid) = fresh();
        self.change_token(id, token);
        self.change_uid(id, uid);
        self.greet(id, false);
        self.retell_room(id);
    }

    /// A session of the store's, on a connection that brought its token; it is told `hi`.
    ///
    /// `profile` has the uid of the store, name and picture of the `hello`.
    pub fn restore(
        &mut self,
        now: Millis,
        conn: ConnId,
        (token, owner): (Token, Owner),
        profile: Profile,
        kept: &Kept,
    ) -> PlayerId {
        self.make_room_for_one_more(now);
        let known = kept.named && profile == kept.profile;
        let link = Link::Online(conn);
        let id = self.insert_player(&profile, Generation::V2, Some(token), link);
        self.online += 1;
        self.tally.restored += 1;
        if let Some(player) = self.players.get_mut(id) {
            player.score = kept.score;
            let mut account = Account::new(owner);
            account.profile_known = known;
            player.begin_lasting().account = Some(account);
        }
        self.greet(id, true);
        id
    }

    /// A session whose token the store does not answer about; it is told a pending `hi`.
    ///
    /// If the store was not asked yet, [`next_unasked`](Self::next_unasked) will tell.
    pub fn enter_pending(
        &mut self,
        now: Millis,
        conn: ConnId,
        profile: &Profile,
        (token, owner): (Token, Owner),
        asked: bool,
    ) -> PlayerId {
        self.make_room_for_one_more(now);
        let id = self.insert_player(profile, Generation::V2, Some(token), Link::Online(conn));
        self.online += 1;
        self.tally.pending += 1;
        if let Some(player) = self.players.get_mut(id) {
            let mut account = Account::new(owner);
            account.pending = true;
            player.begin_lasting().account = Some(account);
        }
        if !asked {
            self.unasked.insert(id);
        }
        self.greet(id, false);
        id
    }

    /// If the store is to say something of a session yet, it is asked about it.
    pub fn ask_about(&mut self, id: PlayerId) {
        if self.players.get(id).is_some_and(Player::is_open) {
            self.unasked.insert(id);
        }
    }

    /// A session that the store is to be asked about now: a pending one, or one of a person who is
    /// to be signed in.
    ///
    /// Where the store is `shared`, nobody's session is taken who is not here: he may be elsewhere.
    /// One that is known is not asked about while `is_asked` says that it is already.
    pub fn next_unasked(
        &mut self,
        shared: bool,
        is_asked: impl Fn(&Token, Option<&Sub>) -> bool,
    ) -> Option<Unasked> {
        let id = loop {
            let id = self.unasked.pop_first()?;
            if !(shared && self.leave_to_others(id)) && self.may_be_asked_about(id, &is_asked) {
                break id;
            }
        };
        let owner = self.owner_of(id)?;
        let absent = shared && self.is_gone(id) && self.is_signing_in(id);
        let player = self.players.get(id)?;
        Some(Unasked {
            token: player.token.clone()?,
            owner,
            person: player.sub().cloned(),
            absent,
        })
    }

    /// Whether a session is to be asked about now. If it was known, it is taken once more by that;
    /// if it is asked about already, or has something to be written, as soon as that is answered.
    fn may_be_asked_about(
        &mut self,
        id: PlayerId,
        is_asked: impl Fn(&Token, Option<&Sub>) -> bool,
    ) -> bool {
        let Some(player) = self.players.get(id) else {
            return false;
        };
        if player.is_pending() || player.unsigned().is_some() {
            return true;
        }
        let token = player.token.as_ref();
        let is_asked = token.is_none_or(|token| is_asked(token, player.sub()));
        let owner = self.draw_owner();
        !is_asked && self.retake(id, owner)
    }

    /// Whether a player is not here any more, nor has a seat to come back to.
    #[must_use]
    pub fn is_gone(&self, id: PlayerId) -> bool {
        self.players.get(id).is_some_and(|player| {
            matches!(player.link, Link::Offline { .. }) && player.room.is_none()
        })
    }

    /// Lets a pending session be whosever it is, if its player is gone: what it won here is added
    /// to it. Whether it was left.
    fn leave_to_others(&mut self, id: PlayerId) -> bool {
        // That of a person may have another name, which the store has to say.
        if self.is_signing_in(id) || self.conn_of(id).is_some() {
            return false;
        }
        self.settle_pending(id);
        true
    }

    /// A session is its person's in the store, and its player is gone: what was won here is added
    /// to it, whoever has it by now.
    pub fn leave_to_person(&mut self, id: PlayerId) {
        self.settle_as_person(id);
        self.settle_pending(id);
    }

    /// What was won on a session is added to what it has, without knowing how much that is.
    fn settle_pending(&mut self, id: PlayerId) {
        let owed = self.is_owed(id);
        self.change_account(id, |player| {
            if let Some(account) = player.account_mut().filter(|it| owed || it.quiet) {
                account.uncounted |= !account.quiet;
                (account.pending, account.quiet) = (false, false);
            }
        });
        self.send_settlement(id);
    }

    /// In whose name a session is the store's, from now on if it was not yet.
    pub fn owner_of(&mut self, id: PlayerId) -> Option<Owner> {
        if let Some(account) = self.players.get(id)?.account() {
            return Some(account.owner);
        }
        let owner = self.draw_owner();
        self.own(id, owner);
        Some(owner)
    }

    /// Whether a session is the store's in this name.
    #[must_use]
    pub fn is_owner(&self, id: PlayerId, owner: Owner) -> bool {
        let account = self.players.get(id).and_then(Player::account);
        account.is_some_and(|account| account.owner == owner)
    }

    /// A session was an older name of its person's, and ends: what was won by it is the person's,
    /// or that of `whose` it is.
    pub fn fold(&mut self, now: Millis, id: PlayerId, whose: Option<Sub>) {
        // Before it has another owner: not in the former one's name.
        self.vacate_unsent(now, id);
        // The session that is the person's may have settled by the owner that this one has.
        let owner = self.draw_owner();
        self.change_account(id, |player| {
            if let Some(account) = player.account_mut() {
                (account.owner, account.seq) = (owner, 0);
                (account.pending, account.quiet, account.under_way) = (false, false, false);
                account.uncounted = true;
                account.keep_points();
            }
        });
        self.send_settlement_of(id, true, whose);
        self.change_account(id, Player::drop_account);
        self.end_session(now, id);
        self.arm_sweep(now);
    }

    /// A session that was taken up here may have gone on elsewhere: it is taken once more, in the
    /// name of this owner, and told again if the store knows it otherwise. Whether it may be.
    pub fn retake(&mut self, id: PlayerId, owner: Owner) -> bool {
        let player = self.players.get(id);
        let free = player.is_some_and(|player| !player.is_owed() && !player.is_pending());
        if free {
            self.unasked.remove(&id);
            self.own(id, owner);
            self.change_account(id, |player| {
                if let Some(account) = player.account_mut() {
                    account.ask_in_name_of(owner);
                }
            });
        }
        free
    }

    /// A session that was taken up here may have gone on elsewhere, and cannot be
    /// [taken once more](Self::retake) just now: it will be, before anybody loses it. `asked`: it
    /// is being taken, perhaps too early.
    pub fn doubt(&mut self, id: PlayerId, asked: bool) {
        let owner = self.draw_owner();
        self.own(id, owner);
        self.change_account(id, |player| {
            if let Some(account) = player.account_mut() {
                account.doubtful = true;
            }
        });
        if !asked {
            self.unasked.insert(id);
        }
    }

    /// Whether a session is to be taken once more, before anybody loses it.
    #[must_use]
    pub fn is_in_doubt(&self, id: PlayerId) -> bool {
        let account = self.players.get(id).and_then(Player::account);
        account.is_some_and(|account| account.doubtful)
    }

    /// Whether a session that is another server's is so only because that was slower.
    fn may_be_its_own(&self, id: PlayerId) -> bool {
        let account = self.players.get(id).and_then(Player::account);
        let in_doubt = account.is_some_and(|account| account.doubtful || account.unclaimed);
        in_doubt && self.conn_of(id).is_some()
    }

    /// The store is to be asked about a session that is in doubt; nothing of it is under way.
    fn ask_again(&mut self, id: PlayerId) {
        let owner = self.draw_owner();
        self.change_account(id, |player| {
            if let Some(account) = player.account_mut() {
                account.ask_in_name_of(owner);
            }
        });
        self.unasked.insert(id);
    }

    /// A session that has no owner yet has this one.
    pub fn own(&mut self, id: PlayerId, owner: Owner) {
        self.change_account(id, |player| {
            let account = &mut player.begin_lasting().account;
            account.get_or_insert_with(|| Account::new(owner));
        });
    }

    /// The store has a player's session under another token and owner: so it is here.
    ///
    /// What is under way for the former token is found by its person, and answered to nobody.
    /// `is_new`: nothing was there.
    pub fn rekey(
        &mut self,
        now: Millis,
        id: PlayerId,
        (token, owner): (Token, Owner),
        is_new: bool,
    ) {
        self.change_account(id, |player| {
            let account = player.account();
            let mut rekeyed = Account::new(owner);
            // Nobody counts anew in a name that has settled.
            rekeyed.seq = account
                .filter(|it| it.owner == owner)
                .map_or(0, |it| it.seq);
            rekeyed.pending = account.is_some_and(|account| account.pending);
            // What was told of it is told again, if the store lost it.
            rekeyed.forgotten = account.is_some_and(|account| account.forgotten);
            // Where it lost all there was, that is also all there is.
            let is_all = is_new && account.is_some_and(|it| it.forgotten && !it.uncounted);
            rekeyed.uncounted = !is_all;
            rekeyed.doubtful = account.is_some_and(|account| account.doubtful);
            // The streak of what is under way counts by the former name no more.
            let again = account.filter(|it| it.under_way).map(|_| Unsent::default());
            rekeyed.unsent = account.and_then(|account| account.unsent).or(again);
            rekeyed.ranked = account
                .map(|account| account.ranked.clone())
                .unwrap_or_default();
            player.begin_lasting().account = Some(rekeyed);
        });
        self.change_token(id, token);
        self.send_settlement(id);
        // What is under way does not keep it any more.
        self.arm_sweep(now);
        if !self.is_pending(id) {
            // Its client has to know by what to come back.
            self.greet(id, true);
        }
    }

    fn change_token(&mut self, id: PlayerId, token: Token) {
        if let Some(player) = self.players.get_mut(id)
            && let Some(former) = player.token.replace(token.clone())
        {
            self.by_token.remove(&former);
            self.by_token.insert(token, id);
        }
    }

    /// The store's answer for a pending session: what it had, or that nobody has its token. It is
    /// told another `hi`.
    ///
    /// `fresh` is the uid of who had a session that is gone, and goes on as somebody new.
    pub fn taken(
        &mut self,
        now: Millis,
        token: &Token,
        owner: Owner,
        kept: Option<&Kept>,
        fresh: impl FnOnce() -> Uid,
    ) {
        let Some(id) = self.player_of(token) else {
            return;
        };
        let account = self.players.get(id).and_then(Player::account);
        let is_asked = |account: &Account| account.pending && account.owner == owner;
        let is_asked = account.is_some_and(is_asked);
        if account.is_some_and(|account| account.doubtful && (is_asked || !account.pending)) {
            // That was asked before its player came back: once more.
            self.unasked.insert(id);
        } else if is_asked {
            self.unasked.remove(&id);
        }
        if !is_asked {
            return;
        }
        let quiet = account.is_some_and(|account| account.quiet);
        // It has another name since a person signed in elsewhere, or it was erased.
        let is_gone = account.is_some_and(|account| account.quiet && !account.forgotten)
            && kept.is_none()
            && self
                .players
                .get(id)
                .is_some_and(|player| player.score.has_points());
        // A person's is taken here even if there is nothing in it yet.
        let unclaimed = kept.is_none() && self.person_of(id).is_none();
        self.settle(now, id);
        let shown = |player: &Player| (player.score, player.card.uid());
        let before = self.players.get(id).map(shown);
        self.change_account(id, |player| {
            let (card, known) = (player.card.profile(), player.score);
            let Some(account) = player.account_mut() else {
                return;
            };
            (account.pending, account.uncounted, account.quiet) = (false, false, false);
            let played = account.unsent;
            let mut score = known;
            if let Some(kept) = kept {
                let same = (&card.name, &card.avatar) == (&kept.profile.name, &kept.profile.avatar);
                account.profile_known = kept.named && same;
                let won = played.unwrap_or_default().points;
                score.total = kept.score.total.saturating_add(won);
                if played.is_none() {
                    score.streak = kept.score.streak;
                }
            } else {
                account.unclaimed = unclaimed;
                // Sessions without points are not written.
                account.keep_points();
            }
            if is_gone {
                let won = played.unwrap_or_default().points;
                score.streak = if won == 0 { 0 } else { known.streak };
                score.total = won;
                account.profile_known = false;
            } else if (quiet || account.forgotten)
                && (score.total < known.total || kept.is_none())
                && known.has_points()
            {
                // All that was told of it was written once: the store lost some, and is told again.
                score.total = known.total;
                account.unsent.get_or_insert_default();
                account.profile_known = false;
            }
            player.score = score;
        });
        match kept {
            Some(kept) => self.change_uid(id, kept.profile.uid.clone()),
            None if is_gone => self.change_uid(id, fresh()),
            None => (),
        }
        self.send_settlement(id);
        if !quiet || self.players.get(id).map(shown) != before {
            self.greet(id, kept.is_some());
            if kept.is_some() || is_gone {
                self.retell_room(id);
            }
        }
        self.keep_within_limit(now);
        self.arm_sweep(now);
    }

    /// Changes a player's account, and with it whether its session may end.
    fn change_account(&mut self, id: PlayerId, change: impl FnOnce(&mut Player)) {
        let Some(player) = self.players.get_mut(id) else {
            return;
        };
        let before = player.is_owed();
        if let Link::Offline { expires_at, .. } = player.link {
            self.offline.remove(expires_at, id);
        }
        change(player);
        let after = player.is_owed();
        self.owed += usize::from(after);
        self.owed -= usize::from(before);
        self.list_offline(id);
    }

    /// Lists a player among those whose sessions may end, if it is one.
    pub(super) fn list_offline(&mut self, id: PlayerId) {
        if let Some(player) = self.players.get(id)
            && let Link::Offline { expires_at, .. } = player.link
            && player.is_v2()
            && !player.is_owed()
        {
            let has_points = player.score.has_points();
            self.offline.insert(expires_at, id, has_points);
        }
    }

    /// A player that is removed owes nothing to the store any more.
    pub(super) fn close_account(&mut self, id: PlayerId, player: &Player) {
        self.owed -= usize::from(player.is_owed());
        self.unasked.remove(&id);
    }

    /// Gives a player another uid, wherever it stands by it.
    fn change_uid(&mut self, id: PlayerId, uid: Uid) {
        let waits = self.waiting_of(id).map(|(_, waiting)| waiting);
        let since = waits.filter(|waiting| waiting.parked.is_none());
        let since = since.map(|waiting| waiting.since);
        self.leave_queue(id);
        if let Some(player) = self.players.get_mut(id) {
            let profile = player.card.profile();
            player.card = Card::new(&Profile { uid, ..profile });
        }
        if let Some(since) = since {
            self.stand_in_line(id, since);
        }
    }

    fn retell_room(&mut self, id: PlayerId) {
        if let Some(room) = self.players.get(id).and_then(|player| player.room) {
            self.tell_room(room);
        }
    }

    /// Notes that a private room was opened, or ended.
    pub(super) fn note_room(&mut self, note: Note) {
        if self.next_owner.is_some() {
            self.effects.push_back(Effect::Note(note));
        }
    }

    /// Opens a private room of the store's under its code, empty, unless there is one.
    ///
    /// Those who asked for it enter now, by `join`; then [`end_claim`](Self::end_claim).
    pub fn claim(&mut self, now: Millis, code: RoomCode) {
        if self.by_code.contains_key(&code) {
            return;
        }
        let private = Private {
            code,
            touched: now,
            told: now,
        };
        self.insert_room(Some(private), Phase::Between(Between::first(now)));
    }

    /// If nobody could enter the room after all, it is left to the store, until somebody asks again
    /// or its time is over.
    pub fn end_claim(&mut self, code: RoomCode) {
        let room = self.by_code.get(&code).copied();
        if let Some(id) = room
            && self.rooms.get(id).is_some_and(Room::is_empty)
        {
            self.forget_room(id);
        }
    }
}
