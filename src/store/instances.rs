//! Which instances live, and which of them has which room, for engines that only one process uses
//! at a time: it is known as long as that one lives, and then nobody else does.
//!
//! Absent: rooms themselves, and how long their codes are good.

use std::collections::BTreeMap;

use super::engine::{LEASE_SECONDS, ROOM_SECONDS, Unix};
use crate::model::{Letter, Peer, StoreReply};

#[derive(Debug, Default)]
pub(super) struct Instances {
    leases: BTreeMap<Letter, Lease>,
    /// By code: who has it, since when.
    rooms: BTreeMap<String, (Letter, Unix)>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    nonce: u64,
    online: u32,
    renewed_at: Unix,
}

impl Lease {
    fn lives(self, now: Unix) -> bool {
        now.0 < self.renewed_at.0 + LEASE_SECONDS
    }
}

impl Instances {
    pub(super) fn beat(
        &mut self,
        letter: Letter,
        nonce: u64,
        online: Option<u32>,
        now: Unix,
    ) -> StoreReply {
        self.leases.retain(|_, lease| lease.lives(now));
        let lease = self.leases.get(&letter);
        let granted = lease.is_none_or(|lease| lease.nonce == nonce);
        match online {
            Some(online) if granted => {
                let lease = Lease {
                    nonce,
                    online,
                    renewed_at: now,
                };
                self.leases.insert(letter, lease);
            }
            None if granted => _ = self.leases.remove(&letter),
            _ => (),
        }
        let others = self.leases.iter().filter(|(other, _)| **other != letter);
        let others = others.map(|(letter, lease)| Peer {
            letter: *letter,
            online: lease.online,
        });
        StoreReply::Beat {
            granted,
            others: others.collect(),
        }
    }

    /// Which other instance has a room, if that one lives.
    pub(super) fn holder(&self, code: &str, asks: Option<Letter>, now: Unix) -> Option<Letter> {
        let (holder, at) = self.rooms.get(code)?;
        let lease = self.leases.get(holder);
        let lives = lease.is_some_and(|lease| lease.lives(now));
        let holds = lives && now.0 < at.0 + ROOM_SECONDS && Some(*holder) != asks;
        holds.then_some(*holder)
    }

    /// A room is somebody's from now on, or nobody's.
    pub(super) fn hold(&mut self, code: &str, holder: Option<Letter>, now: Unix) {
        match holder {
            Some(letter) => _ = self.rooms.insert(code.to_owned(), (letter, now)),
            None => _ = self.rooms.remove(code),
        }
    }

    /// A room ended where it was; whether its code is good no longer.
    pub(super) fn close(&mut self, code: &str, at: Option<Letter>) -> bool {
        let holder = self.rooms.get(code).map(|(holder, _)| *holder);
        let ends = holder.is_none() || holder == at;
        if ends {
            self.rooms.remove(code);
        }
        ends
    }

    pub(super) fn expire(&mut self, now: Unix) {
        self.rooms.retain(|_, (_, at)| now.0 < at.0 + ROOM_SECONDS);
    }
}
