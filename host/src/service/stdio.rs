//! The guest's standard output and error: lines in the host's log. The last of what it wrote to standard error is kept,
//! since a panic prints its message there before it traps.

use super::{Speaker, logging};
use bytes::Bytes;
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// Bytes that one write may have.
const WRITE: usize = 64 << 10;
/// Bytes of a line that has not ended yet; a longer one is cut into several.
const MAX_LINE: usize = logging::MAX_MESSAGE;
/// Bytes kept of what was written last.
const LAST_WORDS: usize = 2 << 10;

/// One of an instance's two output streams. Clones write to the same lines.
#[derive(Clone)]
pub struct Output(Arc<Shared>);

struct Shared {
    speaker: Speaker,
    level: Level,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    request: Option<Arc<str>>,
    line: Vec<u8>,
    last: String,
}

impl Output {
    /// `level`: that of the log lines.
    pub fn new(speaker: Speaker, level: Level) -> Self {
        Self(Arc::new(Shared {
            speaker,
            level,
            state: Mutex::default(),
        }))
    }

    /// From here on it is written for this request; what was kept of earlier ones is forgotten.
    pub fn begin(&self, request: &Arc<str>) {
        let mut state = self.state();
        state.request = Some(request.clone());
        state.last.clear();
        state.line.clear();
    }

    /// The last lines that were written, at most 2 KiB; empty when there were none.
    pub fn last_words(&self) -> String {
        let mut state = self.state();
        self.end_line(&mut state);
        state.last.trim_end().to_owned()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: &[u8]) {
        let mut state = self.state();
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            for piece in part.chunks(MAX_LINE) {
                state.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") || state.line.len() >= MAX_LINE {
                    self.end_line(&mut state);
                }
            }
        }
    }

    fn end_line(&self, state: &mut State) {
        let line = std::mem::take(&mut state.line);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        // What Rust adds to a panic: a plugin has no environment to set that variable in.
        if text.is_empty() || text.starts_with("note: run with `RUST_BACKTRACE=") {
            return;
        }
        logging::line(
            &self.0.speaker,
            state.request.as_deref().unwrap_or("-"),
            self.0.level,
            "",
            text,
        );
        state.last.push_str(text);
        state.last.push('\n');
        let excess = state.last.len().saturating_sub(LAST_WORDS);
        let cut = state.last.ceil_char_boundary(excess);
        state.last.drain(..cut);
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE)
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::BuildId;

    #[test]
    fn keeps_the_last_words_only() {
        let speaker = Speaker::new("todo".parse().unwrap(), BuildId::of(b"x"));
        let output = Output::new(speaker, Level::WARN);
        output.begin(&"r1".into());
        output.take(&[b'x'; 10_000]);
        output.take(b"\nthread main panicked at src/lib.rs:1:\nno ");
        output.take(b"\xff luck");
        let last = output.last_words();
        assert!(
            last.len() <= LAST_WORDS && last.ends_with("src/lib.rs:1:\nno \u{fffd} luck"),
            "{last}"
        );
        output.begin(&"r2".into());
        assert_eq!(output.last_words(), "");
    }
}
