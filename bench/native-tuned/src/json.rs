//! Rows straight to JSON: no structs in between.

use crate::database::Error;
use rusqlite::{Row, types::ValueRef};

/// Appends columns 0 to 4 (id, title, entity_ref, created_at, completed) as an object.
pub(crate) fn write_row(json: &mut Vec<u8>, row: &Row<'_>) -> Result<(), Error> {
    json.extend_from_slice(b"{\"id\":");
    write_text(json, text(row, 0)?)?;
    json.extend_from_slice(b",\"title\":");
    write_text(json, text(row, 1)?)?;
    if let ValueRef::Text(entity_ref) = row.get_ref(2)? {
        json.extend_from_slice(b",\"entityRef\":");
        write_text(json, entity_ref)?;
    }
    json.extend_from_slice(b",\"createdAt\":");
    write_text(json, text(row, 3)?)?;
    json.extend_from_slice(match row.get_ref(4)? {
        ValueRef::Integer(0) => b",\"completed\":false}",
        _ => b",\"completed\":true}",
    });
    Ok(())
}

pub(crate) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], Error> {
    match row.get_ref(column)? {
        ValueRef::Text(text) => Ok(text),
        _ => Err(Error("a todo has a text that is none".into())),
    }
}

/// Appends a string with its quotes.
pub(crate) fn write_text(json: &mut Vec<u8>, text: &[u8]) -> Result<(), Error> {
    if is_plain(text) {
        json.push(b'"');
        json.extend_from_slice(text);
        json.push(b'"');
        return Ok(());
    }
    let text =
        str::from_utf8(text).map_err(|_| Error("a todo has a text that is no UTF-8".into()))?;
    serde_json::to_writer(json, text).map_err(|_| Error("a text is not written as JSON".into()))
}

/// Whether this is ASCII that JSON does not escape, eight bytes at a time: most texts have 20 to 50 of them.
fn is_plain(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks();
    let marks = words.iter().fold(0, |marks, word| marks | mark(*word));
    let last = match text.last_chunk() {
        // Overlaps what was looked at, which is shorter than a loop.
        Some(last) => *last,
        None => {
            let mut last = [b' '; 8];
            last[..rest.len()].copy_from_slice(rest);
            last
        }
    };
    marks | mark(last) == 0
}

/// Not zero if one of the bytes is a quote, a backslash, a control character or no ASCII. For each byte the high bit
/// tells; a borrow out of a byte that is marked can mark the next one too, which does no harm.
fn mark(word: [u8; 8]) -> u64 {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let word = u64::from_le_bytes(word);
    let is = |byte| {
        let zero = word ^ all(byte);
        zero.wrapping_sub(all(1)) & !zero
    };
    (word | word.wrapping_sub(all(b' ')) | is(b'"') | is(b'\\')) & all(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_serde_json_does() {
        let every: String = (0..=0x2ff_u32).filter_map(char::from_u32).collect();
        let each = every.chars().map(String::from);
        for text in each.chain([
            every.clone(),
            String::new(),
            "plain".into(),
            "a\"b😀".into(),
        ]) {
            let mut written = Vec::new();
            write_text(&mut written, text.as_bytes()).unwrap();
            assert_eq!(written, serde_json::to_vec(&text).unwrap(), "{text:?}");
        }
        for length in 0..40 {
            for place in 0..length {
                for odd in 0..=0x7f {
                    let mut text = "x".repeat(length).into_bytes();
                    text[place] = odd;
                    let text = String::from_utf8(text).unwrap();
                    let mut written = Vec::new();
                    write_text(&mut written, text.as_bytes()).unwrap();
                    assert_eq!(written, serde_json::to_vec(&text).unwrap(), "{text:?}");
                }
            }
        }
        assert!(write_text(&mut Vec::new(), b"\xff").is_err());
    }
}
