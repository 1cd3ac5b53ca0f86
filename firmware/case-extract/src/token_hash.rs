//! [`LocalTokens`]: a cheap keyed hash in place of case ids, for reports that never leave the process.
//!
//! SipHash-2-4 with 128 bits of output under a key that the caller draws for the process. It is not the trust's HMAC:
//! tokens made here mean nothing to anybody else and must not be sent or stored.

use room_events::{Identifier, Token, TokenMaker};

/// Tokens for one process.
#[derive(Clone, Copy)]
pub struct LocalTokens {
    key: [u64; 2],
}

impl core::fmt::Debug for LocalTokens {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LocalTokens(..)")
    }
}

impl LocalTokens {
    /// `key` should be random, so that the tokens cannot be traced back by trying ids.
    pub const fn new(key: [u64; 2]) -> Self {
        Self { key }
    }
}

impl TokenMaker for LocalTokens {
    fn token_of_trimmed(&self, kind: Identifier, text: &str) -> Token {
        // Each kind has a key of its own.
        let [first, second] = self.key;
        Token { key: 0, digest: sip_128([first ^ kind as u64, second], text.as_bytes()) }
    }
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

fn sip_128(key: [u64; 2], bytes: &[u8]) -> u128 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d ^ 0xee,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let m = u64::from_le_bytes(*word);
        v[3] ^= m;
        round(&mut v);
        round(&mut v);
        v[0] ^= m;
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len().to_le_bytes()[0];
    let m = u64::from_le_bytes(last);
    v[3] ^= m;
    round(&mut v);
    round(&mut v);
    v[0] ^= m;
    v[2] ^= 0xee;
    for _ in 0..4 {
        round(&mut v);
    }
    let low = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    for _ in 0..4 {
        round(&mut v);
    }
    let high = v[0] ^ v[1] ^ v[2] ^ v[3];
    (u128::from(high) << 64) | u128::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First, second and sixteenth of the reference vectors `vectors_sip128` by the authors of SipHash.
    #[test]
    fn the_reference_vectors_hold() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let input: Vec<u8> = (0..64).collect();
        for (len, expected) in [
            (0, "a3817f04ba25a8e66df67214c7550293"),
            (1, "da87c1d86b99af44347659119b22fc45"),
            (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
        ] {
            let hex: String = sip_128(key, &input[..len]).to_le_bytes().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected, "{len}");
        }
    }
}
