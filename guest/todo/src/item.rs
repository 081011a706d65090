//! A todo, as the API shows it.

use greenroom_sdk::json;
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh64::xxh64;

/// RFC 3339 in UTC, always with milliseconds, so that the texts sort as the times do.
const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

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
            id: Uuid::now_v7()
                .hyphenated()
                .encode_lower(&mut Uuid::encode_buffer())
                .to_owned(),
            title,
            entity_ref,
            created_at: TIME.timestamp_to_string(&Timestamp::now()),
            completed: false,
        }
    }

    /// Compact JSON, the keys in their order.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(256);
        for (name, text) in [
            (r#"{"id":"#, Some(&self.id)),
            (r#","title":"#, Some(&self.title)),
            (r#","entityRef":"#, self.entity_ref.as_ref()),
            (r#","createdAt":"#, Some(&self.created_at)),
        ] {
            if let Some(text) = text {
                json.extend_from_slice(name.as_bytes());
                json::write_text(text, &mut json);
            }
        }
        json.extend_from_slice(match self.completed {
            true => br#","completed":true}"#,
            false => br#","completed":false}"#,
        });
        json
    }
}

/// The strong entity tag of a representation, as sent: its XXH64. It need not resist an attacker, who could only
/// mistake his own changes. Hashes of 128 bits cost several times as much in wasm, which multiplies no wider than 64.
pub(crate) fn etag(representation: &[u8]) -> [u8; 18] {
    let hash = xxh64(representation, 0).to_be_bytes();
    let mut tag = [b'"'; 18];
    for (pair, byte) in tag[1..17].as_chunks_mut().0.iter_mut().zip(hash) {
        *pair = digits(byte);
    }
    tag
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| digits(*byte).map(char::from);
    bytes.iter().flat_map(digits).collect()
}

fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)])
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
        item.completed = true;
        assert_eq!(item.to_json(), serde_json::to_vec(&item).unwrap());
        item.completed = false;
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
        assert_eq!(&etag(b"abc"), b"\"44bc2cf5ad770999\"");
        assert_eq!(hex(&[0, 0x9f, 0xa0]), "009fa0");
    }
}
