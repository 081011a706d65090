//! All statements, and what must become of each.

use super::{escapes, growth, settings, texts};

/// Whatever it is: no escape, no panic, an answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// `denied`, at each door; or whatever else already refuses it in a read-only transaction.
    Denied,
    /// Some error.
    Refused,
    /// Exactly these rows, as JSON; any error where rows are not asked for.
    Answers(&'static str),
    /// A text that is no UTF-8: an error where rows are asked for.
    NoText,
    /// Done or not.
    Harmless,
    /// The same, and may take all of its time.
    Heavy,
    /// Never ends by itself: some error, and may take all of its time.
    Endless,
}

impl Fate {
    pub(super) fn is_slow(self) -> bool {
        matches!(self, Self::Heavy | Self::Endless)
    }
}

pub(super) type OwnedCase = (Fate, String);

/// `{out}` in them is a folder in which nothing may appear.
pub(super) fn all() -> Vec<(Fate, String)> {
    let written = [escapes::ALL, settings::ALL, texts::ALL].concat();
    let own = |(fate, text): (Fate, &str)| (fate, text.to_owned());
    let mut cases: Vec<_> = written.into_iter().map(own).collect();
    cases.extend(growth::all());
    cases
}
