//! A todo, as the API shows it.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// The fields in the order in which the API answers them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entity_ref: Option<String>,
    pub(crate) created_at: String,
    pub(crate) completed: bool,
}

impl Item {
    /// A new todo: who makes it picks its id and its time.
    pub(crate) fn new(title: String, entity_ref: Option<String>) -> Self {
        Self {
            id: uuid::Uuid::now_v7().to_string(),
            title,
            entity_ref,
            // RFC 3339 in UTC, always with milliseconds, so that the texts sort as the times do.
            created_at: format!("{:.3}", jiff::Timestamp::now()),
            completed: false,
        }
    }

    /// Compact JSON, the keys in their order.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and a boolean can be written as JSON")
    }
}

/// The strong entity tag of a representation: its XXH3, 128 bits. It need not resist an attacker, who could only mistake
/// his own changes.
pub(crate) fn etag(representation: &[u8]) -> String {
    ["\"", &hex(&xxh3_128(representation).to_be_bytes()), "\""].concat()
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits =
        |byte: u8| [byte >> 4, byte & 15].map(|half| char::from(DIGITS[usize::from(half)]));
    bytes.iter().copied().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_have_their_order() {
        let mut item = Item::new("a \"b\"\u{1}".into(), Some("component:default/x".into()));
        item.id = "I".into();
        item.created_at = "C".into();
        assert_eq!(
            String::from_utf8(item.to_json()).unwrap(),
            r#"{"id":"I","title":"a \"b\"\u0001","entityRef":"component:default/x","createdAt":"C","completed":false}"#
        );
        item.entity_ref = None;
        let json = item.to_json();
        assert_eq!(
            str::from_utf8(&json).unwrap(),
            r#"{"id":"I","title":"a \"b\"\u0001","createdAt":"C","completed":false}"#
        );
        assert_eq!(serde_json::from_slice::<Item>(&json).unwrap(), item);
    }

    #[test]
    fn a_new_item_has_a_uuid_and_a_time_with_milliseconds() {
        let item = Item::new("a".into(), None);
        assert_eq!(item.id.len(), 36);
        assert_eq!(item.id, item.id.to_ascii_lowercase());
        let time = item.created_at.as_bytes();
        assert_eq!(
            (time.len(), time[10], time[19], time[23]),
            (24, b'T', b'.', b'Z')
        );
        assert!(item.created_at.parse::<jiff::Timestamp>().is_ok());
    }

    #[test]
    fn the_tag_changes_with_the_item() {
        let item = Item::new("a".into(), None);
        let changed = Item {
            completed: true,
            ..item.clone()
        };
        assert_ne!(etag(&item.to_json()), etag(&changed.to_json()));
        assert_eq!(etag(b"abc"), format!("\"{:032x}\"", xxh3_128(b"abc")));
        assert_eq!(hex(&[0, 0x9f, 0xa0]), "009fa0");
    }
}
