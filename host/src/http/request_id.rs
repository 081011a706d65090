//! The name of one request in logs and answers: the client's, when it is sane, else made here.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::{
    cell::Cell,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken from a client, bytes.
const LONGEST: usize = 128;

/// A request's id as text and as a header's value.
#[derive(Debug, Clone)]
pub(super) struct RequestId {
    pub(super) text: Arc<str>,
    pub(super) value: HeaderValue,
}

impl RequestId {
    /// The client's id when it is 1 to 128 of `A-Z a-z 0-9 . _ -` and given once; else a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(X_REQUEST_ID).iter();
        if let (Some(value), None) = (given.next(), given.next())
            && let Ok(text) = value.to_str()
            && is_sane(text)
        {
            return Self {
                text: text.into(),
                value: value.clone(),
            };
        }
        Self::new()
    }

    pub(super) fn new() -> Self {
        let mut space = Uuid::encode_buffer();
        let text: &str = made().hyphenated().encode_lower(&mut space);
        // A UUID's text is always a valid value.
        let value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-"));
        Self {
            text: text.into(),
            value,
        }
    }
}

fn is_sane(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// A UUID v7, so that ids sort by time. Its random part need not be secret, only different: it comes from a counter per
/// thread, spread by the SplitMix64 finaliser and started at random, which saves a system call per request.
fn made() -> Uuid {
    thread_local! {
        static SEED: Cell<(u64, u64)> = Cell::new(Uuid::new_v4().as_u64_pair());
    }
    let (high, low) = SEED.get();
    let (high, low) = (
        high.wrapping_add(0x9e37_79b9_7f4a_7c15),
        low.wrapping_add(0xd1b5_4a32_d192_ed03),
    );
    SEED.set((high, low));
    let (a, b) = (mix(high).to_be_bytes(), mix(low).to_be_bytes());
    let random = [a[0], a[1], a[2], a[3], a[4], b[0], b[1], b[2], b[3], b[4]];
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(now).unwrap_or(0), &random).into_uuid()
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

    fn of(values: &[&'static str]) -> RequestId {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_REQUEST_ID, HeaderValue::from_static(value));
        }
        RequestId::of(&headers)
    }

    #[test]
    fn sane_ids_are_taken_and_others_replaced() {
        assert_eq!(&*of(&["a.B_9-"]).text, "a.B_9-");
        for bad in [&[][..], &[""], &["a b"], &["a\"b"], &["a", "a"], &["a,b"]] {
            let id = of(bad);
            assert_eq!(id.text.len(), 36, "{bad:?}");
            assert_eq!(id.value, &*id.text);
        }
        let long: &'static str = "x".repeat(129).leak();
        assert_eq!(of(&[long]).text.len(), 36);
        assert_eq!(of(&[&long[1..]]).text.len(), 128);
    }

    #[test]
    fn made_ids_are_version_7_and_differ() {
        let ids: HashSet<Uuid> = (0..10_000).map(|_| made()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
