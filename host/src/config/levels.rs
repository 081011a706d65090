//! Which lines are logged: one level for all, others for some targets.

use std::{collections::BTreeMap, fmt, str::FromStr};
use tracing::level_filters::LevelFilter;

/// Targets that one text may name.
const MOST_TARGETS: usize = 100;
/// Bytes of a target.
const LONGEST_TARGET: usize = 128;
/// The words for a level, for messages.
pub const WORDS: &str = "error, warn, info, debug, trace or off";

/// As `GREENROOM_LOG` has them: `info,greenroom::http=debug,plugin=warn,plugin::todo=trace`. A target's level holds for
/// what is below it as well (`greenroom` for `greenroom::http`), unless that has one of its own. The lines of all plugins
/// have the target `plugin`; `plugin::todo` stands for those of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    rest: LevelFilter,
    targets: BTreeMap<String, LevelFilter>,
}

/// Why a text gives no [`Levels`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLevels {
    #[error("`{0}` is no level; it takes {WORDS}, or targets with levels: info,plugin=debug")]
    Level(String),
    #[error(
        "`{0}` is no target; one is of letters, digits, `_`, `-` and `::`, as greenroom::http or plugin::todo"
    )]
    Target(String),
    #[error("more than {MOST_TARGETS} targets")]
    TooMany,
}

impl Levels {
    /// The same level for everything.
    pub const fn all(level: LevelFilter) -> Self {
        Self {
            rest: level,
            targets: BTreeMap::new(),
        }
    }

    /// What has no level of its own.
    pub fn set_rest(&mut self, level: LevelFilter) {
        self.rest = level;
    }

    /// `target`: one that [`is_target`] takes.
    pub fn set(&mut self, target: &str, level: LevelFilter) {
        self.targets.insert(target.to_owned(), level);
    }

    pub fn has(&self, target: &str) -> bool {
        self.targets.contains_key(target)
    }

    pub fn of(&self, target: &str) -> LevelFilter {
        let mut name = target;
        loop {
            if let Some(level) = self.targets.get(name) {
                return *level;
            }
            match name.rfind("::") {
                Some(end) => name = &name[..end],
                None => return self.rest,
            }
        }
    }

    /// For the lines of one plugin.
    pub fn of_plugin(&self, id: &str) -> LevelFilter {
        self.of(&of_one(id))
    }

    /// The most that any plugin's lines may have.
    pub fn most_of_plugins(&self) -> LevelFilter {
        let single = self.targets.range("plugin::".to_owned()..);
        let single = single.take_while(|(target, _)| target.starts_with("plugin::"));
        single
            .map(|(_, level)| *level)
            .fold(self.of("plugin"), Ord::max)
    }

    /// The most that any line may have.
    pub fn most(&self) -> LevelFilter {
        self.targets.values().copied().fold(self.rest, Ord::max)
    }
}

/// The name that stands for the lines of one plugin.
pub fn of_one(plugin: &str) -> String {
    format!("plugin::{plugin}")
}

impl Default for Levels {
    fn default() -> Self {
        Self::all(LevelFilter::INFO)
    }
}

impl FromStr for Levels {
    type Err = InvalidLevels;

    /// Without a level for the rest, that stays at `info`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut levels = Self::default();
        let parts = text.split(',').map(str::trim);
        for part in parts.filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => {
                    levels.rest = level(part).ok_or_else(|| InvalidLevels::Level(short(part)))?;
                }
                Some((target, word)) => {
                    let (target, word) = (target.trim(), word.trim());
                    if !is_target(target) {
                        return Err(InvalidLevels::Target(short(target)));
                    }
                    let level = level(word).ok_or_else(|| InvalidLevels::Level(short(word)))?;
                    levels.set(target, level);
                    if levels.targets.len() > MOST_TARGETS {
                        return Err(InvalidLevels::TooMany);
                    }
                }
            }
        }
        Ok(levels)
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(word(self.rest))?;
        for (target, level) in &self.targets {
            write!(f, ",{target}={}", word(*level))?;
        }
        Ok(())
    }
}

/// A level by its name, or by the name that winston has for it, in capitals or not.
pub fn level(word: &str) -> Option<LevelFilter> {
    let named = [
        ("off", LevelFilter::OFF),
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("warning", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("http", LevelFilter::DEBUG),
        ("verbose", LevelFilter::DEBUG),
        ("debug", LevelFilter::DEBUG),
        ("silly", LevelFilter::TRACE),
        ("trace", LevelFilter::TRACE),
    ];
    let found = named
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name));
    found.map(|(_, level)| *level)
}

/// The name of a level.
pub fn word(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::OFF => "off",
        LevelFilter::ERROR => "error",
        LevelFilter::WARN => "warn",
        LevelFilter::INFO => "info",
        LevelFilter::DEBUG => "debug",
        LevelFilter::TRACE => "trace",
    }
}

/// `greenroom::http`, `plugin`, `plugin::todo`.
pub fn is_target(text: &str) -> bool {
    let letters = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    text.len() <= LONGEST_TARGET && text.split("::").all(letters)
}

/// For a message.
fn short(text: &str) -> String {
    let clean = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c });
    clean.take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> Levels {
        text.parse().unwrap()
    }

    #[test]
    fn the_nearest_target_decides() {
        let levels =
            levels("warn, greenroom=info,greenroom::http=debug,plugin=error,plugin::todo=trace");
        for (target, level) in [
            ("other", LevelFilter::WARN),
            ("greenroom", LevelFilter::INFO),
            ("greenroom::plugin::call", LevelFilter::INFO),
            ("greenroom::http", LevelFilter::DEBUG),
            ("greenroom::http::admin", LevelFilter::DEBUG),
            ("greenroom::https", LevelFilter::INFO),
            ("greenroomy", LevelFilter::WARN),
            ("plugin", LevelFilter::ERROR),
        ] {
            assert_eq!(levels.of(target), level, "{target}");
        }
        assert_eq!(levels.of_plugin("todo"), LevelFilter::TRACE);
        assert_eq!(levels.of_plugin("todo-staging"), LevelFilter::ERROR);
        assert_eq!(levels.most_of_plugins(), LevelFilter::TRACE);
        assert_eq!(levels.most(), LevelFilter::TRACE);
        assert_eq!(
            levels.to_string(),
            "warn,greenroom=info,greenroom::http=debug,plugin=error,plugin::todo=trace"
        );
    }

    #[test]
    fn the_rest_is_at_info_unless_it_is_named() {
        for (text, shown) in [
            ("", "info"),
            ("plugin=debug", "info,plugin=debug"),
            ("OFF", "off"),
            ("silly", "trace"),
            ("verbose", "debug"),
            ("Warning,", "warn"),
        ] {
            assert_eq!(levels(text).to_string(), shown, "{text}");
        }
        assert_eq!(
            levels("off,plugin=warn").most_of_plugins(),
            LevelFilter::WARN
        );
        assert_eq!(levels("debug").most_of_plugins(), LevelFilter::DEBUG);
    }

    #[test]
    fn what_is_no_level_or_target_is_named() {
        for (text, part) in [
            ("loud", "`loud` is no level"),
            ("info,plugin=loud", "`loud` is no level"),
            ("a b=info", "`a b` is no target"),
            ("=info", "`` is no target"),
            ("a::=info", "`a::` is no target"),
            ("plugin[x]=info", "is no target"),
        ] {
            let error = Levels::from_str(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let many: Vec<_> = (0..=MOST_TARGETS).map(|n| format!("t{n}=info")).collect();
        assert_eq!(
            Levels::from_str(&many.join(",")),
            Err(InvalidLevels::TooMany)
        );
        assert!(Levels::from_str(&format!("{}=info", "x".repeat(129))).is_err());
    }
}
