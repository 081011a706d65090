//! Texts that no log, no error and no output of a command shows, and what stands in their place.
//!
//! Those of the configuration are known to the whole process ([`learn`]): whatever is written for people or programs
//! goes through [`redacted`] or, a line of the log, through [`redacted_line`].

mod spellings;

pub use spellings::is_hidden;

use aho_corasick::{AhoCorasick, MatchKind};
use arc_swap::ArcSwap;
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet, VecDeque},
    fmt,
    ops::Range,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// Bytes of a text that can be told from others: shorter ones stand in every line by chance.
pub const LEAST: usize = 4;
/// What is shown instead.
const INSTEAD: &str = "***";
/// Of one configuration: texts, and bytes of all together.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 1 << 20;

/// Words that a variable often holds and that give nothing away.
const SAYS_NOTHING: [&str; 15] = [
    "true",
    "false",
    "null",
    "none",
    "localhost",
    "127.0.0.1",
    "0.0.0.0",
    "development",
    "production",
    "test",
    "debug",
    "info",
    "warn",
    "error",
    "trace",
];

/// A set of texts that are to be shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    texts: BTreeSet<String>,
    bytes: usize,
    /// Texts that may be shown, wherever else they stand; `None`: as it was.
    allowed: Option<BTreeSet<String>>,
}

impl Secrets {
    /// Without the white space around it; one of fewer than [`LEAST`] bytes is not kept.
    pub fn add(&mut self, text: &str) {
        let text = text.trim();
        if text.len() >= LEAST
            && !SAYS_NOTHING.contains(&text)
            && self.texts.insert(text.to_owned())
        {
            self.bytes += text.len();
        }
    }

    /// `backend.logger.redactAllowlist`: texts that are no secrets after all.
    pub(super) fn allow(&mut self, texts: BTreeSet<String>) {
        self.allowed = Some(texts);
    }

    /// More than the log can be searched for.
    pub(super) fn is_too_much(&self) -> bool {
        self.texts.len() > MOST || self.bytes > MOST_BYTES
    }

    pub(super) fn masks(&self) -> Masks {
        let none = BTreeSet::new();
        let allowed = self.allowed.as_ref().unwrap_or(&none);
        let texts = self.texts.iter().filter(|text| !allowed.contains(*text));
        Masks::new(texts.map(String::as_str))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.texts.len())
    }
}

/// Secrets, ready to be found.
pub(super) struct Masks {
    /// `None`: there are none.
    finder: Option<AhoCorasick>,
    /// Of each pattern: it is a number.
    numbers: Vec<bool>,
}

impl Masks {
    fn new<'s>(texts: impl Iterator<Item = &'s str>) -> Self {
        let mut patterns = BTreeSet::new();
        for text in texts {
            spellings::of(text, &mut patterns);
        }
        let numbers = patterns.iter().map(|p| is_number(p)).collect();
        let finder = (!patterns.is_empty()).then(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(&patterns)
                .expect("some megabytes of patterns are within the bounds of the automaton")
        });
        Self { finder, numbers }
    }

    /// Where secrets stand, and which are numbers.
    fn found<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (Range<usize>, bool)> + 't {
        let all = (self.finder.iter()).flat_map(move |finder| finder.find_iter(text));
        let known = all.map(move |found| {
            let number = self.numbers.get(found.pattern().as_usize());
            (found.range(), number.copied().unwrap_or(false))
        });
        // `8080` is not a part of `180801`.
        known.filter(move |(range, number)| !number || !is_within_digits(text, range))
    }

    /// The end of the secret that a cut at `at` would go through, or else `at`.
    fn whole_at(&self, text: &[u8], at: usize) -> usize {
        let mut found = self.found(text).map(|(range, _)| range);
        let cut = found.find(|range| range.start < at && at < range.end);
        cut.map_or(at, |range| range.end)
    }

    pub(super) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = String::new();
        let mut done = 0;
        for (range, _) in self.found(text.as_bytes()) {
            shown.push_str(&text[done..range.start]);
            shown.push_str(INSTEAD);
            done = range.end;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        shown.push_str(&text[done..]);
        Cow::Owned(shown)
    }

    /// The same with stars, so that every byte stays at its offset.
    pub(super) fn cover<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = String::new();
        let mut done = 0;
        for (range, _) in self.found(text.as_bytes()) {
            shown.push_str(&text[done..range.start]);
            shown.extend(text[range.clone()].chars().flat_map(|c| {
                let stars = if c == '\n' {
                    "\n"
                } else {
                    &"****"[..c.len_utf8()]
                };
                stars.chars()
            }));
            done = range.end;
        }
        if done == 0 {
            return Cow::Borrowed(text);
        }
        shown.push_str(&text[done..]);
        Cow::Owned(shown)
    }

    fn redact_line<'t>(&self, line: &'t str) -> Cow<'t, str> {
        let mut shown = String::new();
        let mut done = 0;
        for (range, number) in self.found(line.as_bytes()) {
            shown.push_str(&line[done..range.start]);
            // A line of JSON stays one.
            let bare = number && is_value(line.as_bytes(), &range);
            let quote = if bare { "\"" } else { "" };
            shown.extend([quote, INSTEAD, quote]);
            done = range.end;
        }
        if done == 0 {
            return Cow::Borrowed(line);
        }
        shown.push_str(&line[done..]);
        Cow::Owned(shown)
    }
}

fn is_number(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || b".+-eE".contains(&b))
}

fn is_within_digits(text: &[u8], range: &Range<usize>) -> bool {
    let digit = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    digit(range.start.checked_sub(1)) || digit(Some(range.end))
}

/// Whether it stands as a number does in JSON.
fn is_value(line: &[u8], range: &Range<usize>) -> bool {
    let before = range.start.checked_sub(1).and_then(|at| line.get(at));
    let after = line.get(range.end);
    before.is_some_and(|b| b":,[".contains(b)) && after.is_some_and(|b| b",]}".contains(b))
}

/// What this process knows: of the configuration that it runs with, and of those before it, whose instances may still
/// be at work.
#[derive(Default)]
struct Known {
    texts: VecDeque<String>,
    allowed: BTreeSet<String>,
}

static KNOWN: Mutex<Option<Known>> = Mutex::new(None);
/// Of what is known.
static MASKS: LazyLock<ArcSwap<Masks>> =
    LazyLock::new(|| ArcSwap::from_pointee(Masks::new(std::iter::empty())));

/// From here on these are shown nowhere. When there are too many, those that were learnt first are forgotten.
pub fn learn(secrets: &Secrets) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    let old: HashSet<&str> = known.texts.iter().map(String::as_str).collect();
    let new: Vec<String> = (secrets.texts.iter())
        .filter(|text| !old.contains(text.as_str()))
        .cloned()
        .collect();
    let allowed = secrets
        .allowed
        .as_ref()
        .filter(|all| **all != known.allowed);
    if new.is_empty() && allowed.is_none() {
        return;
    }
    known.texts.extend(new);
    if let Some(allowed) = allowed {
        known.allowed.clone_from(allowed);
    }
    let mut bytes: usize = known.texts.iter().map(String::len).sum();
    while known.texts.len() > 2 * MOST || bytes > 2 * MOST_BYTES {
        bytes -= known.texts.pop_front().map_or(bytes, |oldest| oldest.len());
    }
    let texts = known
        .texts
        .iter()
        .filter(|text| !known.allowed.contains(*text));
    MASKS.store(Arc::new(Masks::new(texts.map(String::as_str))));
}

/// The text with `***` in the place of each secret that this process knows.
pub fn redacted(text: &str) -> Cow<'_, str> {
    MASKS.load().redact(text)
}

/// The same for a line of the log: one of JSON stays JSON.
pub fn redacted_line(line: &str) -> Cow<'_, str> {
    MASKS.load().redact_line(line)
}

/// Where a text can be cut in two at the byte `at` or later, so that no secret that this process knows is.
pub fn whole_at(text: &[u8], at: usize) -> usize {
    MASKS.load().whole_at(text, at)
}

#[cfg(test)]
mod tests;
