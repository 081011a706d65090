//! The forms in which a text comes into a line of the log.

use std::{collections::BTreeSet, fmt::Write};

/// Bytes of one pattern; a longer text is looked for in pieces.
const PIECE: usize = 1 << 10;
/// Bytes of a line, of a text of several, that is looked for alone: output is written line by line.
const LINE: usize = 8;

/// Control characters, separators of lines and paragraphs, marks that turn the direction of text, and characters that
/// are not seen. The log escapes them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Adds the text as it is, as JSON and Rust quote it, and as the log writes it.
pub(super) fn of(text: &str, patterns: &mut BTreeSet<String>) {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| line.len() >= LINE && line.len() < text.len());
    for form in std::iter::once(text).chain(lines) {
        for piece in pieces(form) {
            let (plain, quoted) = (in_text(piece, ""), in_text(piece, "\"\\"));
            for spelt in [piece.to_owned(), plain, quoted, debug(piece)] {
                patterns.insert(json(&spelt));
                patterns.insert(json_of_the_log(&spelt));
                patterns.insert(spelt);
            }
        }
    }
}

/// Of about the same length, so that none is too short to be told from others.
fn pieces(text: &str) -> Vec<&str> {
    let count = text.len().div_ceil(PIECE).max(1);
    let length = text.len().div_ceil(count);
    let mut pieces = Vec::with_capacity(count);
    let mut rest = text;
    while rest.len() > length {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(length.max(4)));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

/// Between the quotes.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn debug(text: &str) -> String {
    let quoted = format!("{text:?}");
    quoted[1..quoted.len() - 1].to_owned()
}

/// As `telemetry/escape.rs` writes it in a line for people; in quotes, those of `marks` have a backslash.
fn in_text(text: &str, marks: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if marks.contains(c) => written.extend(['\\', c]),
            c if is_hidden(c) => written.extend(c.escape_default()),
            c => written.push(c),
        }
    }
    written
}

/// As it does in a line of JSON, between the quotes.
fn json_of_the_log(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            c if is_hidden(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Into a string it does not fail.
                    let _ = write!(written, "\\u{unit:04x}");
                }
            }
            c => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_looked_for_in_pieces() {
        let text = "ü".repeat(PIECE + 1);
        let pieces = pieces(&text);
        assert_eq!(pieces.concat(), text);
        assert!(
            pieces.len() == 3 && pieces.iter().all(|piece| piece.len() > 600),
            "{pieces:?}"
        );
        assert_eq!(super::pieces("abcd"), ["abcd"]);
    }
}
