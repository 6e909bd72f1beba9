//! Bytes that wait for the kernel, and the buffers they wait in.
//!
//! A queue that is empty owns nothing: its buffer goes back to the loop's pool, so an idle
//! connection costs no buffer and a busy one no allocation.
//! Absent: sockets, frames, limits.

/// One connection's outgoing bytes.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    bytes: Vec<u8>,
    sent: usize,
}

impl Queue {
    /// The buffer to append to.
    pub(crate) fn tail(&mut self, pool: &mut Pool) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take();
        }
        &mut self.bytes
    }

    /// What the kernel has not taken yet.
    pub(crate) fn unsent(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// How many bytes the kernel has not taken yet.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.sent)
    }

    /// Whether the kernel has taken everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kernel took so many bytes.
    pub(crate) fn advance(&mut self, count: usize, pool: &mut Pool) {
        self.sent = self.sent.saturating_add(count);
        if self.is_empty() {
            self.clear(pool);
        } else if self.bytes.len() / 2 < self.sent {
            // Without this a queue that is never quite empty would grow forever.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Forgets everything and gives the buffer back.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        self.sent = 0;
        pool.give(std::mem::take(&mut self.bytes));
    }
}

/// Buffers that nobody uses right now.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    buffers: Vec<Vec<u8>>,
}

impl Pool {
    /// Most buffers kept: about as many connections as one turn writes to.
    const BUFFERS_MAX: usize = 1024;
    /// Largest buffer kept: some games' worth of events; together at most 4 MiB.
    const CAPACITY_MAX: usize = 4096;
    /// Size of a fresh one: a `start` and a `result` with long names fit.
    const CAPACITY: usize = 512;

    fn take(&mut self) -> Vec<u8> {
        self.buffers
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(Self::CAPACITY))
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        let kept = (1..=Self::CAPACITY_MAX).contains(&buffer.capacity());
        if kept && self.buffers.len() < Self::BUFFERS_MAX {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pool, Queue};

    #[test]
    fn bytes_leave_in_their_order_however_they_are_taken() {
        let mut rng = fastrand::Rng::with_seed(3);
        let (mut queue, mut pool) = (Queue::default(), Pool::default());
        let (mut next_in, mut next_out) = (0_u8, 0_u8);
        for _ in 0..10_000 {
            for _ in 0..rng.usize(0..40) {
                queue.tail(&mut pool).push(next_in);
                next_in = next_in.wrapping_add(1);
            }
            let taken = rng.usize(0..=queue.len());
            for &byte in &queue.unsent()[..taken] {
                assert_eq!(byte, next_out);
                next_out = next_out.wrapping_add(1);
            }
            queue.advance(taken, &mut pool);
            assert!(queue.bytes.len() <= 2 * queue.len().max(1));
        }
    }

    #[test]
    fn an_empty_queue_owns_nothing_and_its_buffer_is_used_again() {
        let (mut queue, mut pool) = (Queue::default(), Pool::default());
        queue.tail(&mut pool).extend(b"abc");
        let buffer = queue.bytes.as_ptr();
        queue.advance(2, &mut pool);
        assert_eq!(queue.unsent(), b"c");
        queue.advance(1, &mut pool);
        assert_eq!((queue.bytes.capacity(), queue.len()), (0, 0));
        assert_eq!(Queue::default().tail(&mut pool).as_ptr(), buffer);
        queue.tail(&mut pool).resize(Pool::CAPACITY_MAX + 1, 0);
        queue.clear(&mut pool);
        assert!(
            pool.buffers.is_empty(),
            "large buffers are given back to the system"
        );
    }
}
