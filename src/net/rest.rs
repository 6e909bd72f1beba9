//! What a connection sent that is not understood yet: a part of a head or of a short frame, or
//! frames that a turn had no time for.
//!
//! Whoever sends whole frames owns nothing here. Absent: sockets, what the bytes mean.

/// One connection's bytes that are not understood yet.
#[derive(Debug, Default)]
pub(crate) struct Rest(Option<Box<Kept>>);

#[derive(Debug)]
struct Kept {
    bytes: Box<[u8]>,
    /// How many of them are understood meanwhile.
    from: usize,
}

impl Rest {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        let bytes = self.0.as_ref().and_then(|kept| kept.bytes.get(kept.from..));
        bytes.unwrap_or_default()
    }

    /// The bytes, to be read where they lie.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = self.0.as_mut();
        let bytes = bytes.and_then(|kept| kept.bytes.get_mut(kept.from..));
        bytes.unwrap_or_default()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All but the last `left` are understood. Those stay where they are while they are many:
    /// turn after turn would copy them otherwise. Few of them do not hold the place of many.
    pub(crate) fn keep_last(&mut self, left: usize) {
        let Some(kept) = &mut self.0 else { return };
        kept.from = kept.bytes.len().saturating_sub(left);
        if left < kept.from {
            *self = Self::from(self.bytes());
        }
    }
}

impl From<&[u8]> for Rest {
    fn from(bytes: &[u8]) -> Self {
        let kept = || {
            let (bytes, from) = (bytes.into(), 0);
            Box::new(Kept { bytes, from })
        };
        Self((!bytes.is_empty()).then(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::Rest;

    #[test]
    fn what_is_left_is_copied_as_often_as_it_halves() {
        assert_eq!(size_of::<Rest>(), 8, "one for every connection");
        assert!(Rest::from([].as_slice()).0.is_none());
        let bytes: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let mut rest = Rest::from(bytes.as_slice());
        let counted = allocation_counter::measure(|| {
            for left in (0..bytes.len()).rev() {
                rest.keep_last(left);
                assert_eq!(rest.bytes(), &bytes[bytes.len() - left..]);
                let held = rest.0.as_ref().map_or(0, |kept| kept.bytes.len());
                assert!(held <= 2 * left);
            }
        });
        // Whatever is copied goes into memory that is asked for.
        assert!(
            counted.bytes_total < bytes.len() as u64 + 1_000,
            "{counted:?}"
        );
        assert!(rest.0.is_none() && rest.is_empty());
    }
}
