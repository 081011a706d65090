//! The text of a file as errors show it: stars in the place of secrets. Every byte stays at its offset.

use super::{node::Place, sight::names_a_secret};
use std::{ops::Range, sync::Arc};

/// Of a file whose values are known: `places` are those that are left out.
pub(super) fn covered(text: &Arc<str>, places: &[Place]) -> Arc<str> {
    if places.is_empty() {
        return text.clone();
    }
    let mut shown = text.as_bytes().to_vec();
    for place in places {
        cover(text, extent(text, *place), "}", &mut shown);
    }
    written(text, shown)
}

/// Of a file that cannot be read as YAML, of which nobody knows what is a value: names that look like keys are left, and
/// marks of lists and maps. Of what is indented below the key of a secret, or of a plugin's section, not even these.
pub(super) fn guessed(text: &Arc<str>) -> Arc<str> {
    let mut shown = text.as_bytes().to_vec();
    let mut deeper_than = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let blank = line.trim().is_empty();
        let below = deeper_than.is_some_and(|least| blank || indent > least);
        let key = key_of(line);
        if !below {
            let hides = key.is_some_and(|(name, _)| hides_its_value(name));
            deeper_than = hides.then_some(indent);
        }
        let after = key.filter(|_| !below).map_or(0, |(_, after)| after);
        cover(text, start + after..start + line.len(), "[]{},", &mut shown);
        start += line.len();
    }
    written(text, shown)
}

/// The name before the first `:`, and the byte after that.
fn key_of(line: &str) -> Option<(&str, usize)> {
    let (before, _) = line.split_once(':')?;
    let name = before.trim_matches(|c: char| c.is_whitespace() || "-\"'{[?".contains(c));
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '$' | '.');
    let fits = !name.is_empty() && name.chars().all(plain);
    fits.then_some((name, before.len() + 1))
}

fn hides_its_value(name: &str) -> bool {
    name == "config" || names_a_secret(name).is_some()
}

/// All of a value: what the parser says, and for a block of lines, or where it says nothing, the lines below.
fn extent(text: &str, place: Place) -> Range<usize> {
    let start = text.floor_char_boundary(place.start.min(text.len()));
    let end = text.ceil_char_boundary((start + place.len).min(text.len()));
    let block = text[start..].starts_with(['|', '>']);
    if end > start && !block {
        return start..end;
    }
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let own = &text[line..];
    let indent = own.len() - own.trim_start().len();
    let mut last = text[start..]
        .find('\n')
        .map_or(text.len(), |at| start + at + 1);
    for below in text[last..].split_inclusive('\n') {
        let blank = below.trim().is_empty();
        if !blank && below.len() - below.trim_start().len() <= indent {
            break;
        }
        last += below.len();
    }
    start..last.max(end)
}

/// Stars for all but white space, the characters in `but` and names of variables: `${NAME}` says nothing of its value,
/// `${NAME:-default}` does.
fn cover(text: &str, range: Range<usize>, but: &str, shown: &mut [u8]) {
    let mut at = range.start;
    while at < range.end {
        let rest = &text[at..range.end];
        if let Some(name) = rest.strip_prefix("${") {
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            at += 2 + end.unwrap_or(name.len());
            continue;
        }
        let Some(c) = rest.chars().next() else { return };
        let end = at + c.len_utf8();
        if !c.is_whitespace() && !but.contains(c) {
            shown[at..end].fill(b'*');
        }
        at = end;
    }
}

fn written(text: &Arc<str>, shown: Vec<u8>) -> Arc<str> {
    // Whole characters were replaced: it is UTF-8 as before.
    String::from_utf8(shown).map_or_else(|_| "*".repeat(text.len()).into(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, part: &str) -> Place {
        Place {
            file: 0,
            start: text.find(part).unwrap(),
            len: part.len(),
        }
    }

    #[test]
    fn stars_stand_where_a_secret_stood() {
        let text: Arc<str> = "a: 'hün ter2' # b\nc: Bearer ${TOKEN:-hunter2}x".into();
        let places = [
            place(&text, "'hün ter2'"),
            place(&text, "Bearer ${TOKEN:-hunter2}x"),
        ];
        let shown = covered(&text, &places);
        assert_eq!(&*shown, "a: ***** ***** # b\nc: ****** ${TOKEN*********}*");
        assert_eq!(shown.len(), text.len());
        assert_eq!(covered(&text, &[]), text);
    }

    #[test]
    fn a_block_of_lines_is_covered_to_its_end() {
        let text: Arc<str> = "a:\n  key: |\n    one\n\n    two\n  b: 1\n".into();
        for len in [0, 1, 10] {
            let block = Place {
                len,
                ..place(&text, "|")
            };
            assert_eq!(
                &*covered(&text, &[block]),
                "a:\n  key: *\n    ***\n\n    ***\n  b: 1\n"
            );
        }
    }

    #[test]
    fn a_broken_file_shows_its_keys_alone() {
        let text: Arc<str> = "backend:\n\tlisten: [hunter2\n  token: hunter2\n    user: hunter2\n  - \"a\": { b: hunter2 }\n\
            hunter2\n    config: hunter2\n      hunter2:\n\n      - hunter2\n    limits: ${A:-hunter2}\n"
            .into();
        let shown = guessed(&text);
        assert_eq!(
            &*shown,
            "backend:\n\tlisten: [*******\n  token: *******\n    ***** *******\n  - \"a\": { ** ******* }\n\
            *******\n    config: *******\n      ********\n\n      * *******\n    limits: ${A*********}\n"
        );
        assert_eq!(shown.len(), text.len());
    }
}
