//! `wasi:logging/logging`: the plugin's lines in the host's log, with plugin, build and request id; and
//! `greenroom:logging/threshold`: which of them anybody reads.

use super::{Scope, Speaker};
use crate::auth::Caller;
use tracing::{Level, level_filters::LevelFilter};
use wasmtime::{
    Result,
    component::{HasData, Linker},
};

use crate::telemetry::tame;

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
    /// The plugin's level when the instance was made.
    pub threshold: LevelFilter,
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
        line(self.speaker, &self.scope.caller, level, &context, &message);
    }
}

impl threshold::Host for View<'_> {
    /// The same for as long as the instance lives, as the contract has it: one that was made at another level is not kept.
    fn get(&mut self) -> Option<logging::Level> {
        Some(match self.threshold.into_level()? {
            Level::TRACE => logging::Level::Trace,
            Level::DEBUG => logging::Level::Debug,
            Level::INFO => logging::Level::Info,
            Level::WARN => logging::Level::Warn,
            Level::ERROR => logging::Level::Error,
        })
    }
}

/// Writes one line for a plugin. `context` may be empty.
pub(super) fn line(speaker: &Speaker, caller: &Caller, level: Level, context: &str, message: &str) {
    if !speaker.voice.reads(level) {
        return;
    }
    // tracing wants the level at compile time.
    macro_rules! at {
        ($level:ident) => {
            tracing::$level!(
                target: "plugin",
                plugin = %speaker.plugin,
                build = %speaker.build,
                request = &*caller.request,
                principal = caller.principal.name(),
                context = (!context.is_empty()).then(|| display(tame(context, MAX_CONTEXT))),
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
