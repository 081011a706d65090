//! What a terminal, an editor or a reader of lines would obey instead of showing it.

pub(super) use crate::config::secrets::is_hidden;

use crate::config::secrets::redacted;
use std::borrow::Cow;

/// At most `max` bytes of it, and a mark where there was more; what is not to be seen is written as `\n` or `\u{202e}`.
/// So a plugin's text can neither flood the log with one call nor forge a line.
pub fn tame(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max && !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    // The log leaves out secrets, and does not know one that is cut.
    let text = redacted(text);
    let mut tamed = String::with_capacity(text.len().min(max) + 16);
    for c in text.chars() {
        let before = tamed.len();
        if is_hidden(c) {
            tamed.extend(c.escape_default());
        } else {
            tamed.push(c);
        }
        if tamed.len() > max {
            tamed.truncate(before);
            tamed.push_str(CUT);
            break;
        }
    }
    Cow::Owned(tamed)
}

/// Where a text goes on.
pub(super) const CUT: &str = " [cut]";

/// A text in quotes, as it stands in a line for people.
pub(super) fn quote(into: &mut String, text: &str) {
    into.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => into.extend(['\\', c]),
            c if is_hidden(c) => into.extend(c.escape_default()),
            c => into.push(c),
        }
    }
    into.push('"');
}

/// The same without quotes.
pub(super) fn plain(into: &mut String, text: &str) {
    for c in text.chars() {
        if is_hidden(c) {
            into.extend(c.escape_default());
        } else {
            into.push(c);
        }
    }
}

/// A JSON string. What is not to be seen is escaped, where JSON asks for that and where it does not.
pub(super) fn json(into: &mut String, text: &str) {
    use std::fmt::Write;
    into.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => into.extend(['\\', c]),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            c if is_hidden(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Into a string it does not fail.
                    let _ = write!(into, "\\u{unit:04x}");
                }
            }
            c => into.push(c),
        }
    }
    into.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        Secrets,
        secrets::{learn, redacted_line},
    };

    /// One of each kind that forges.
    const HOSTILE: &str = "a\n\r\t\0\u{1b}[31m\u{7f}\u{85}\u{9b}2J\u{200b}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{e0041}\"\\z";

    #[test]
    fn a_text_is_bounded_and_forges_nothing() {
        assert_eq!(tame("plain ä", 100), "plain ä");
        assert_eq!(
            tame("a\nINFO forged\u{1b}[0m\0", 100),
            "a\\nINFO forged\\u{1b}[0m\\u{0}"
        );
        assert_eq!(tame("x\u{202e}y\u{2028}", 100), "x\\u{202e}y\\u{2028}");
        assert_eq!(tame("ääää", 3), "ä [cut]");
        assert_eq!(tame("ääää", 8), "ääää");
        // What it grows to counts.
        let zeros = "\0".repeat(1000);
        let tamed = tame(&zeros, 1000);
        assert!(
            tamed.len() <= 1000 + CUT.len() && tamed.ends_with("\\u{0} [cut]"),
            "{tamed}"
        );
        // Families of emoji and Persian words hold joiners.
        assert_eq!(
            tame("\u{1f468}\u{200d}\u{1f469} \u{200c}", 100),
            "\u{1f468}\u{200d}\u{1f469} \u{200c}"
        );
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = format!("form-{HOSTILE}-form");
        let mut secrets = Secrets::default();
        secrets.add(&secret);
        learn(&secrets);
        for text in [&secret, &format!("{secret:?}")] {
            let mut forms = [String::new(), String::new(), String::new()];
            plain(&mut forms[0], text);
            quote(&mut forms[1], text);
            json(&mut forms[2], text);
            for form in &forms {
                let shown = redacted_line(form);
                assert!(
                    shown.contains("***") && !shown.contains("form"),
                    "{form} is {shown}"
                );
            }
        }
        // One that begins before the cut, and one that is there whole.
        let long = format!("{}{secret}", "x".repeat(90));
        assert_eq!(tame(&long, 100), format!("{}***", "x".repeat(90)));
        assert_eq!(tame(&format!("{secret}\n"), 1000), "***\\n");
    }

    #[test]
    fn no_form_holds_what_is_not_to_be_seen() {
        let mut forms = [String::new(), String::new(), String::new()];
        plain(&mut forms[0], HOSTILE);
        quote(&mut forms[1], HOSTILE);
        json(&mut forms[2], HOSTILE);
        for form in &forms {
            assert!(!form.contains(is_hidden), "{form:?}");
        }
        assert!(forms[1].ends_with("\\\"\\\\z\""), "{}", forms[1]);
        let read: String = serde_json::from_str(&forms[2]).unwrap();
        assert_eq!(read, HOSTILE);
    }
}
