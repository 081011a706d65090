//! A compile, shown on a terminal while it takes. It stands in one line below the log, which is rewritten in place and at
//! last says how long it took.

use super::queue::Queue;
use std::{
    fmt::Debug,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tracing::{
    Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Between two rewritings.
const BEAT: Duration = Duration::from_secs(1);

/// To the first column, and away with what stands there.
const ERASE: &[u8] = b"\r\x1b[K";

/// Whether this is what `engine/compile.rs` announces a compile with: an event, and a span for as long as it takes.
pub(super) fn is_compile(metadata: &Metadata<'_>) -> bool {
    metadata.name() == "compile" && metadata.target() == "greenroom::engine::compile"
}

/// A terminal: lines of the log, and the line below them.
pub(super) struct Terminal<W> {
    out: W,
    /// What stands in the last line now, without an end of line.
    standing: Vec<u8>,
}

impl<W> Terminal<W> {
    pub(super) fn new(out: W) -> Self {
        let standing = Vec::new();
        Self { out, standing }
    }
}

impl<W: Write> Write for Terminal<W> {
    /// `text`: a line of the log. Or, with a carriage return before it, what is to stand below the log from now on; with
    /// an end of line, for good.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut out = Vec::new();
        if !self.standing.is_empty() {
            out.extend(ERASE);
        }
        match text.strip_prefix(b"\r") {
            Some(line) if line.ends_with(b"\n") => {
                self.standing.clear();
                out.extend(line);
            }
            Some(line) => self.standing = line.to_vec(),
            None => out.extend(text),
        }
        out.extend(&self.standing);
        self.out.write_all(&out)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Turns spans of compiles into lines for a [`Terminal`].
pub(super) struct Progress<W>(W);

impl Progress<Queue> {
    /// `terminal`: the log's own queue, so that nobody waits for a terminal, and the lines keep their order.
    pub(super) fn new(terminal: Queue) -> Self {
        Self(terminal)
    }
}

impl<S, W> Layer<S> for Progress<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + Clone + Send + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_compile(attributes.metadata()) {
            return;
        }
        let mut compile = Compile::default();
        attributes.record(&mut compile);
        if let Some(span) = context.span(id) {
            span.extensions_mut()
                .insert(Shown::begin(compile, self.0.clone()));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(shown) = span.extensions_mut().get_mut::<Shown<W>>()
        {
            values.record(&mut shown.compile);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(span) = context.span(&id)
            && let Some(shown) = span.extensions_mut().remove::<Shown<W>>()
        {
            shown.end();
        }
    }
}

/// The fields of the span.
#[derive(Default)]
struct Compile {
    plugin: Option<String>,
    bytes: u64,
    done: bool,
}

impl Compile {
    fn name(&self) -> &str {
        self.plugin.as_deref().unwrap_or("a component")
    }
}

impl Visit for Compile {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "bytes" {
            self.bytes = value;
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "done" {
            self.done = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "plugin" {
            self.plugin = Some(format!("{value:?}"));
        }
    }
}

/// A compile that stands below the log.
struct Shown<W> {
    compile: Compile,
    begun: Instant,
    /// Taken at the end: then the beat writes no more.
    terminal: Arc<Mutex<Option<W>>>,
}

impl<W: Write + Send + 'static> Shown<W> {
    fn begin(compile: Compile, mut terminal: W) -> Self {
        let begun = Instant::now();
        let line = format!(
            "\rcompiling {} ({}) ...",
            compile.name(),
            size(compile.bytes)
        );
        write(&mut terminal, &line);
        let terminal = Arc::new(Mutex::new(Some(terminal)));
        let beating = terminal.clone();
        let beat = move || {
            loop {
                std::thread::sleep(BEAT);
                match &mut *beating.lock().unwrap_or_else(PoisonError::into_inner) {
                    Some(terminal) => {
                        write(terminal, &format!("{line} {} s", begun.elapsed().as_secs()));
                    }
                    None => return,
                }
            }
        };
        // Without the thread the line just stands still.
        let _ = std::thread::Builder::new()
            .name("progress".into())
            .spawn(beat);
        Self {
            compile,
            begun,
            terminal,
        }
    }

    fn end(self) {
        let terminal = self
            .terminal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut terminal) = terminal else { return };
        if self.compile.done {
            let seconds = self.begun.elapsed().as_secs_f64();
            let name = self.compile.name();
            write(
                &mut terminal,
                &format!("\rcompiled {name} in {seconds:.1} s\n"),
            );
        } else {
            // Why it ended is in the log.
            write(&mut terminal, "\r");
        }
    }
}

/// In one piece. The log has nobody to tell of a failure either.
fn write(terminal: &mut impl Write, text: &str) {
    let _ = terminal.write_all(text.as_bytes());
}

/// `512 KiB`, `13.2 MiB`.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes < MIB {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        let tenths = bytes * 10 / MIB;
        format!("{}.{} MiB", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests;
