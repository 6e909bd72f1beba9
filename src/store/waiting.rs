//! Orders that wait to be applied, in their order.
//!
//! What the store is told to do and to undo before it was tried even once is not kept: a room that
//! was opened and closed during an outage leaves nothing here, one that is touched again and again
//! is touched once, and of all that says that this process lives the last stays. Settles are
//! merged before they come here, by whoever has one under way per session.

use std::collections::{HashMap, VecDeque};

use crate::model::StoreOp;

/// A queue in which rooms come once.
#[derive(Default)]
pub(super) struct Waiting {
    /// `None`: merged into another, or undone.
    orders: VecDeque<Option<StoreOp>>,
    /// How many were taken out since the start: the number of the first of `orders`.
    taken: u64,
    /// By code: the number of the order that says what is to become of that room.
    rooms: HashMap<String, u64>,
    /// The number of the last [`StoreOp::Beat`].
    beat: Option<u64>,
    /// How many of `orders` are there.
    count: usize,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// All of them, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = &StoreOp> {
        self.orders.iter().flatten()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts one in; returns how many orders, of this one and those before, need not be done any
    /// more.
    pub(super) fn push(&mut self, order: StoreOp) -> u64 {
        let before = match order {
            StoreOp::Beat { .. } => self.beat,
            _ => order.room().and_then(|code| self.rooms.get(code).copied()),
        };
        let index = before.and_then(|number| usize::try_from(number.checked_sub(self.taken)?).ok());
        let place = index.and_then(|index| self.orders.get_mut(index));
        let Some(place) = place else {
            self.append(order);
            return 0;
        };
        match (&mut *place, &order) {
            (Some(StoreOp::Beat { .. }), StoreOp::Beat { .. }) => {
                *place = Some(order);
                1
            }
            // It lives as long by the order that waits.
            (
                Some(StoreOp::OpenRoom { at, .. } | StoreOp::TouchRoom { at, .. }),
                StoreOp::TouchRoom { at: holder, .. },
            ) => {
                *at = *holder;
                1
            }
            // Nobody asked for it before, so nothing is known of it there; if something is, by a
            // process before this one, it ends by its age.
            (Some(StoreOp::OpenRoom { code, .. }), StoreOp::CloseRoom { .. }) => {
                self.rooms.remove(code);
                *place = None;
                self.count -= 1;
                2
            }
            (Some(StoreOp::TouchRoom { .. }), StoreOp::CloseRoom { .. }) => {
                *place = Some(order);
                1
            }
            _ => {
                self.append(order);
                0
            }
        }
    }

    /// Takes the first out, at most this many.
    pub(super) fn pop(&mut self, at_most: usize) -> Vec<StoreOp> {
        let mut popped = Vec::with_capacity(at_most.min(self.count));
        while popped.len() < at_most
            && let Some(order) = self.orders.pop_front()
        {
            let number = self.taken;
            self.taken += 1;
            let Some(order) = order else { continue };
            if let Some(code) = order.room()
                && self.rooms.get(code) == Some(&number)
            {
                self.rooms.remove(code);
            }
            self.count -= 1;
            popped.push(order);
        }
        popped
    }

    fn append(&mut self, order: StoreOp) {
        let number = self.taken + self.orders.len() as u64;
        if let Some(code) = order.room() {
            self.rooms.insert(code.to_owned(), number);
        }
        if let StoreOp::Beat { .. } = order {
            self.beat = Some(number);
        }
        self.orders.push_back(Some(order));
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::Waiting;
    use crate::model::{Letter, Owner, StoreOp};

    /// `o1 t1 c1 a1`: a room is opened, touched, closed, asked for; `r`: touched, and nobody's;
    /// `n`: opened, and nobody's; `s`: a session is asked for; `b7`: this process lives, 7 play.
    fn order(word: &str) -> StoreOp {
        let (what, code) = word.split_at(1);
        let code = code.to_owned();
        let letter = Letter::new("a").expect("a letter");
        let at = Some(letter);
        match what {
            "o" => StoreOp::OpenRoom { code, at },
            "t" => StoreOp::TouchRoom { code, at },
            "r" => StoreOp::TouchRoom { code, at: None },
            "n" => StoreOp::OpenRoom { code, at: None },
            "c" => StoreOp::CloseRoom { code, at },
            "a" => StoreOp::ClaimRoom { code, at },
            "b" => StoreOp::Beat {
                letter,
                nonce: 1,
                online: code.parse().ok(),
            },
            _ => StoreOp::Take {
                token: code,
                owner: Owner(1),
            },
        }
    }

    #[track_caller]
    fn check(words: &str, left: &str) {
        let mut waiting = Waiting::default();
        let (mut pushed, mut spared) = (0, 0);
        for word in words.split_whitespace() {
            spared += waiting.push(order(word));
            pushed += 1;
        }
        let want: Vec<StoreOp> = left.split_whitespace().map(order).collect();
        assert_eq!(waiting.len(), want.len(), "{words}");
        assert_eq!(pushed - spared, want.len() as u64, "{words}");
        // One by one: what is left has to be found again while the front moves.
        let mut got = Vec::new();
        while !waiting.is_empty() {
            got.extend(waiting.pop(1));
        }
        assert_eq!(got, want, "{words}");
        assert!(waiting.rooms.is_empty(), "{words}");
    }

    #[test]
    fn rooms_come_once_and_all_else_in_its_order() {
        check("", "");
        check("s1 s1 s2", "s1 s1 s2");
        check("o1 t1 t1", "o1");
        check("o1 s1 c1", "s1");
        check("o1 c1 o1", "o1");
        check("t1 t2 t1 c1", "c1 t2");
        check("c1 o1 t1", "c1 o1");
        check("c1 o1 c1", "c1");
        check("a1 t1 c1", "a1 c1");
        check("a1 a1", "a1 a1");
        check("o1 a1 t1", "o1 a1 t1");
        check("s1 o2 s2 c2 s3 t3", "s1 s2 s3 t3");
        check("t1 r1", "r1");
        check("o1 r1 r1", "n1");
        check("b1 s1 b2 t1 b3", "b3 s1 t1");
        check("b1 b2 b", "b");
    }

    #[test]
    fn what_was_tried_is_not_altered_any_more() {
        let mut waiting = Waiting::default();
        waiting.push(order("b1"));
        assert_eq!(waiting.pop(1), [order("b1")]);
        assert_eq!(waiting.push(order("b2")), 0);
        assert_eq!(waiting.pop(9), [order("b2")]);
        waiting.push(order("o1"));
        waiting.push(order("s1"));
        assert_eq!(waiting.pop(1), [order("o1")]);
        // The close is another order: the store may know that room by now.
        assert_eq!(waiting.push(order("c1")), 0);
        assert_eq!(waiting.pop(9), [order("s1"), order("c1")]);
        assert_eq!(waiting.push(order("o1")), 0);
        assert_eq!((waiting.len(), waiting.pop(9)), (1, vec![order("o1")]));
    }
}
