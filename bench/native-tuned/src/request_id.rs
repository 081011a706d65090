//! Names for requests that came without one.

use http::HeaderValue;
use std::{
    cell::Cell,
    time::{SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

/// Longest id taken from a client, bytes.
const LONGEST: usize = 128;

/// Whether a client's id is 1 to 128 of `A-Z a-z 0-9 . _ -`.
pub(crate) fn is_sane(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A UUID v7. Its random part need only differ: it is a counter of the thread, started at random and spread by the
/// SplitMix64 finaliser, so no call of the system is made.
pub(crate) fn made() -> HeaderValue {
    thread_local! {
        static SEED: Cell<(u64, u64)> = Cell::new(Uuid::new_v4().as_u64_pair());
    }
    let (high, low) = SEED.get();
    let (high, low) = (
        high.wrapping_add(0x9e37_79b9_7f4a_7c15),
        low.wrapping_add(0xd1b5_4a32_d192_ed03),
    );
    SEED.set((high, low));
    let [a, b, c, d, e, ..] = mix(high).to_be_bytes();
    let [f, g, h, i, j, ..] = mix(low).to_be_bytes();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    let id = uuid::Builder::from_unix_timestamp_millis(
        u64::try_from(now).unwrap_or(0),
        &[a, b, c, d, e, f, g, h, i, j],
    );
    let mut space = Uuid::encode_buffer();
    let text = id.as_uuid().hyphenated().encode_lower(&mut space);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-"))
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn made_ids_are_version_7_and_differ() {
        let ids: HashSet<_> = (0..10_000)
            .map(|_| made().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), 10_000);
        assert!(
            ids.iter()
                .all(|id| id.parse::<Uuid>().unwrap().get_version_num() == 7)
        );
    }

    #[test]
    fn sane_ids_are_short_and_plain() {
        assert!(is_sane(b"a.B_9-") && is_sane(&[b'x'; 128]));
        assert!(!is_sane(b"") && !is_sane(b"a b") && !is_sane(&[b'x'; 129]));
    }
}
