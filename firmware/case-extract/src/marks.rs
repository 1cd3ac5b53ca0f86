//! Where certain bytes stand in a text: delimiters, line ends and quotation marks, one after the other.
//!
//! In an extract there is one every dozen bytes, so that a search begun anew behind each costs more than the search
//! itself. Sixty-four bytes are looked at together: the compiler makes vector instructions of the comparison, and what
//! was found is kept as a bit for each byte.

/// How many bytes are looked at together.
const BLOCK: usize = u64::BITS as usize;

/// The places of any of three bytes, ascending.
#[derive(Debug, Clone)]
pub(crate) struct Marks<'b> {
    wanted: [u8; 3],
    /// What follows the current block.
    rest: &'b [u8],
    /// Where the current block begins, and which of its bytes are still to be told.
    from: usize,
    found: u64,
    /// Where the next block begins.
    next: usize,
}

impl<'b> Marks<'b> {
    pub(crate) const fn new(wanted: [u8; 3], bytes: &'b [u8]) -> Self {
        Self { wanted, rest: bytes, from: 0, found: 0, next: 0 }
    }

    /// Looks at the next block; false if there is none.
    fn look(&mut self) -> bool {
        self.from = self.next;
        if let Some((block, rest)) = self.rest.split_first_chunk::<BLOCK>() {
            self.found = found_in(block, self.wanted);
            self.rest = rest;
            self.next += BLOCK;
            return true;
        }
        let (left, mut block) = (self.rest.len(), [0; BLOCK]);
        block[..left].copy_from_slice(self.rest);
        self.found = found_in(&block, self.wanted) & !(u64::MAX << left);
        self.rest = &[];
        self.next += left;
        left > 0
    }
}

impl Iterator for Marks<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            if !self.look() {
                return None;
            }
        }
        let at = self.from + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(at)
    }
}

/// A bit for each byte that is wanted, the first byte's lowest.
#[inline]
fn found_in(block: &[u8; BLOCK], [a, b, c]: [u8; 3]) -> u64 {
    let mut hits = [0_u8; BLOCK];
    for (hit, &byte) in hits.iter_mut().zip(block) {
        *hit = u8::from(byte == a) | u8::from(byte == b) | u8::from(byte == c);
    }
    // The product moves the eight bytes' lowest bits side by side into the highest byte.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    let (eights, _) = hits.as_chunks::<8>();
    eights.iter().rev().fold(0, |found, eight| found << 8 | bits(eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_places_are_those_of_a_walk_byte_by_byte(
            bytes in proptest::collection::vec(proptest::prop_oneof![0_u8..=3, 0x7f_u8..=0x81, 0_u8..=255], 0..300),
            wanted: [u8; 3],
        ) {
            for wanted in [wanted, [0, 1, 128]] {
                let expected = bytes.iter().enumerate().filter(|(_, byte)| wanted.contains(byte)).map(|(at, _)| at);
                proptest::prop_assert!(Marks::new(wanted, &bytes).eq(expected));
            }
        }
    }
}
