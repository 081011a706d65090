//! What is wrong in a file of the operator's, with its place.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Mistakes that are told of one reading.
const MOST_TOLD: usize = 20;
/// Characters of a message or a help.
const MOST_CHARACTERS: usize = 500;

/// One thing that is wrong. Displays as `FILE:LINE:COLUMN: message; help`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub file: PathBuf,
    /// From 1, columns in characters; `None` where it is the file as a whole.
    pub at: Option<(usize, usize)>,
    pub message: String,
    pub help: Option<String>,
}

impl Mistake {
    pub(super) fn of(file: &Path, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            at: None,
            message: plain(&message.into()),
            help: None,
        }
    }

    /// `offset`: bytes into `text`, which is the file's.
    pub(super) fn at(file: &Path, text: &str, offset: usize, message: impl Into<String>) -> Self {
        Self {
            at: Some(place(text, offset)),
            ..Self::of(file, message)
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(plain(&help.into()));
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some((line, column)) = self.at {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// At least one, and no more than are worth reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    found: Vec<Mistake>,
    more: usize,
}

impl Mistakes {
    /// `found` is not empty.
    pub(super) fn new(mut found: Vec<Mistake>) -> Self {
        let more = found.len().saturating_sub(MOST_TOLD);
        found.truncate(MOST_TOLD);
        Self { found, more }
    }

    /// Each as one line, and a last one on those that are left out.
    pub fn lines(&self) -> Vec<String> {
        let more = (self.more > 0).then(|| format!("and {} more", self.more));
        let told = self.found.iter().map(ToString::to_string);
        told.chain(more).collect()
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self::new(vec![mistake])
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// Line and column of a byte.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    (lines + 1, before[line..].chars().count() + 1)
}

/// One line without what a terminal would obey, cut where it gets long. Parts of it may come from a guest.
pub(super) fn plain(text: &str) -> String {
    let mut characters = text.trim().chars();
    let mut plain: String = characters
        .by_ref()
        .take(MOST_CHARACTERS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if characters.next().is_some() {
        plain.push('…');
    }
    plain
}

/// An error with all that caused it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
