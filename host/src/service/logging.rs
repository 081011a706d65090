//! `wasi:logging/logging`: the plugin's lines in the host's log, with plugin, build and request id; and
//! `greenroom:logging/threshold`: which of them anybody reads.

use super::{Scope, Speaker};
use std::borrow::Cow;
use tracing::Level;
use wasmtime::{
    Result,
    component::{HasData, Linker},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        interfaces: "import wasi:logging/logging@0.1.0-draft; import greenroom:logging/threshold@0.1.0;",
    });
}
use bindings::greenroom::logging::threshold;
use bindings::wasi::logging::logging;

/// Bytes of one line's message; the rest is cut.
pub const MAX_MESSAGE: usize = 8 << 10;
/// Bytes of one line's context.
const MAX_CONTEXT: usize = 128;

pub struct View<'a> {
    pub speaker: &'a Speaker,
    pub scope: &'a Scope,
}

impl logging::Host for View<'_> {
    fn log(&mut self, level: logging::Level, context: String, message: String) {
        let level = match level {
            logging::Level::Trace => Level::TRACE,
            logging::Level::Debug => Level::DEBUG,
            logging::Level::Info => Level::INFO,
            logging::Level::Warn => Level::WARN,
            logging::Level::Error | logging::Level::Critical => Level::ERROR,
        };
        line(self.speaker, &self.scope.request, level, &context, &message);
    }
}

impl threshold::Host for View<'_> {
    fn get(&mut self) -> Option<logging::Level> {
        // tracing wants the level at compile time here too.
        macro_rules! first_read {
            ($($level:ident => $answer:ident),*) => {
                $(if tracing::enabled!(target: "plugin", Level::$level) {
                    return Some(logging::Level::$answer);
                })*
            };
        }
        first_read!(TRACE => Trace, DEBUG => Debug, INFO => Info, WARN => Warn, ERROR => Error);
        None
    }
}

/// Writes one line for a plugin. `context` may be empty.
pub(super) fn line(speaker: &Speaker, request: &str, level: Level, context: &str, message: &str) {
    // tracing wants the level at compile time.
    macro_rules! at {
        ($level:ident) => {
            tracing::$level!(
                target: "plugin",
                plugin = %speaker.plugin,
                build = %speaker.build,
                request,
                context = %tame(context, MAX_CONTEXT),
                "{}",
                tame(message, MAX_MESSAGE)
            )
        };
    }
    match level {
        Level::ERROR => at!(error),
        Level::WARN => at!(warn),
        Level::INFO => at!(info),
        Level::DEBUG => at!(debug),
        Level::TRACE => at!(trace),
    }
}

/// Cut to `max` bytes, control characters escaped: a plugin can neither flood the log with one call nor forge a line.
pub(crate) fn tame(text: &str, max: usize) -> Cow<'_, str> {
    let cut = &text[..text.floor_char_boundary(max)];
    if cut.len() == text.len() && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut tamed = String::with_capacity(cut.len() + 16);
    for c in cut.chars() {
        if c.is_control() {
            tamed.extend(c.escape_default());
        } else {
            tamed.push(c);
        }
    }
    if cut.len() < text.len() {
        tamed.push_str(" [cut]");
    }
    Cow::Owned(tamed)
}

struct Has;

impl HasData for Has {
    type Data<'a> = View<'a>;
}

pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> Result<()> {
    logging::add_to_linker::<T, Has>(linker, view)?;
    threshold::add_to_linker::<T, Has>(linker, view)
}

#[cfg(test)]
mod tests {
    use super::tame;

    #[test]
    fn a_line_is_bounded_and_forges_nothing() {
        assert_eq!(tame("plain ä", 100), "plain ä");
        assert_eq!(
            tame("a\nINFO forged\u{1b}[0m\0", 100),
            "a\\nINFO forged\\u{1b}[0m\\u{0}"
        );
        assert_eq!(tame("ääää", 3), "ä [cut]");
    }
}
