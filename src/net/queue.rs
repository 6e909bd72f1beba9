//! Bytes that wait for the kernel, and the buffers they wait in.
//!
//! A queue that is empty owns nothing: its buffer goes back to the loop's pool, so an idle
//! connection costs no buffer and a busy one no allocation.
//! Absent: sockets, frames, limits.

/// One connection's outgoing bytes.
#[derive(Debug, Default)]
pub(crate) struct Queue(Option<Box<Buffer>>);

/// What waits, and how much of it the kernel has taken.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    sent: usize,
}

impl Queue {
    /// The buffer to append to.
    pub(crate) fn tail(&mut self, pool: &mut Pool) -> &mut Vec<u8> {
        &mut self.0.get_or_insert_with(|| pool.take()).bytes
    }

    /// What the kernel has not taken yet.
    pub(crate) fn unsent(&self) -> &[u8] {
        let buffer = self.0.as_ref();
        let unsent = buffer.and_then(|buffer| buffer.bytes.get(buffer.sent..));
        unsent.unwrap_or_default()
    }

    /// How many bytes the kernel has not taken yet.
    pub(crate) fn len(&self) -> usize {
        self.unsent().len()
    }

    /// Whether the kernel has taken everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kernel took so many bytes.
    pub(crate) fn advance(&mut self, count: usize, pool: &mut Pool) {
        let Some(buffer) = &mut self.0 else { return };
        buffer.sent = buffer.sent.saturating_add(count);
        if buffer.bytes.len() <= buffer.sent {
            self.clear(pool);
        } else if buffer.bytes.len() / 2 < buffer.sent {
            // Without this a queue that is never quite empty would grow forever.
            buffer.bytes.drain(..buffer.sent);
            buffer.sent = 0;
        }
    }

    /// Forgets everything and gives the buffer back.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        if let Some(buffer) = self.0.take() {
            pool.give(buffer);
        }
    }
}

/// Buffers that nobody uses right now.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    // Boxes go to and fro as they are, so that a connection holds no more than a pointer.
    #[allow(clippy::vec_box)]
    buffers: Vec<Box<Buffer>>,
}

impl Pool {
    /// Most buffers kept: about as many connections as one turn writes to.
    pub(crate) const BUFFERS_MAX: usize = 1024;
    /// Largest buffer kept: some games' worth of events; together at most 4 MiB.
    const CAPACITY_MAX: usize = 4096;
    /// Size of a fresh one: a `start` and a `result` with long names fit.
    const CAPACITY: usize = 512;

    fn take(&mut self) -> Box<Buffer> {
        self.buffers.pop().unwrap_or_else(|| {
            let bytes = Vec::with_capacity(Self::CAPACITY);
            Box::new(Buffer { bytes, sent: 0 })
        })
    }

    fn give(&mut self, mut buffer: Box<Buffer>) {
        let kept = buffer.bytes.capacity() <= Self::CAPACITY_MAX;
        if kept && self.buffers.len() < Self::BUFFERS_MAX {
            buffer.bytes.clear();
            buffer.sent = 0;
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
            let held = queue.0.as_ref().map_or(0, |buffer| buffer.bytes.len());
            assert!(held <= 2 * queue.len().max(1));
        }
    }

    #[test]
    fn an_empty_queue_owns_nothing_and_its_buffer_is_used_again() {
        let (mut queue, mut pool) = (Queue::default(), Pool::default());
        queue.tail(&mut pool).extend(b"abc");
        let buffer = queue.unsent().as_ptr();
        queue.advance(2, &mut pool);
        assert_eq!(queue.unsent(), b"c");
        assert_eq!(size_of::<Queue>(), 8, "one for every connection");
        queue.advance(1, &mut pool);
        assert!(queue.0.is_none() && queue.is_empty());
        let mut other = Queue::default();
        assert_eq!(other.tail(&mut pool).as_ptr(), buffer);
        queue.tail(&mut pool).resize(Pool::CAPACITY_MAX + 1, 0);
        queue.clear(&mut pool);
        assert!(
            pool.buffers.is_empty(),
            "large buffers are given back to the system"
        );
    }
}
