//! The guest's standard output and error: lines in the host's log. The last of what it wrote to standard error is kept,
//! since a panic prints its message there before it traps.

use super::{Speaker, logging};
use crate::{
    auth::Caller,
    config::secrets::{redacted, whole_at},
    telemetry::tame,
};
use bytes::Bytes;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
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
/// Bytes of a line; a longer one is cut into several.
const MAX_LINE: usize = logging::MAX_MESSAGE;
/// Bytes of a line that has not ended yet. At twice as many as a line has, the first half becomes one: a secret that goes
/// on beyond it, for as long as a line, is seen whole.
const HELD: usize = 2 * MAX_LINE;
/// Bytes kept of what was written last.
const LAST_WORDS: usize = 2 << 10;

/// An instance's two output streams.
pub struct Outputs {
    pub stdout: Output,
    pub stderr: Output,
    caller: Arc<Mutex<Caller>>,
}

impl Outputs {
    pub fn new(speaker: &Speaker, caller: &Caller) -> Self {
        let caller = Arc::new(Mutex::new(caller.clone()));
        let output = |level, name| {
            Output(Arc::new(Shared {
                speaker: speaker.clone(),
                caller: caller.clone(),
                level,
                name,
                written: AtomicBool::new(false),
                state: Mutex::default(),
            }))
        };
        Self {
            stdout: output(Level::INFO, "stdout"),
            stderr: output(Level::WARN, "stderr"),
            caller,
        }
    }

    /// From here on it is written for this request; what was kept of earlier ones is forgotten.
    pub fn begin(&self, caller: &Caller) {
        self.stdout.forget();
        self.stderr.forget();
        *locked(&self.caller) = caller.clone();
    }

    /// What was written without an end of line is a line now: the request has ended.
    pub fn end(&self) {
        self.stdout.0.end();
        self.stderr.0.end();
    }
}

/// One of them. Clones write to the same lines.
#[derive(Clone)]
pub struct Output(Arc<Shared>);

struct Shared {
    speaker: Speaker,
    /// Who it is written for.
    caller: Arc<Mutex<Caller>>,
    /// That of the log lines.
    level: Level,
    /// `stdout` or `stderr`: their context.
    name: &'static str,
    /// Set while there is something in `state`. Most requests write nothing.
    written: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What has not ended yet.
    line: Vec<u8>,
    last: String,
}

impl Output {
    /// What was written for an earlier request.
    fn forget(&self) {
        if self.0.written.load(Relaxed) {
            let mut state = self.0.state();
            self.0.end_line(&mut state);
            state.last.clear();
            self.0.written.store(false, Relaxed);
        }
    }

    /// The last lines that were written, at most 2 KiB; empty when there were none.
    pub fn last_words(&self) -> String {
        let mut state = self.0.state();
        self.0.end_line(&mut state);
        state.last.trim_end().to_owned()
    }

    fn take(&self, bytes: &[u8]) {
        self.0.take(bytes);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Also when it failed, or is not kept: what the instance has begun to say becomes a line.
    fn end(&self) {
        if self.written.load(Relaxed) {
            self.end_line(&mut self.state());
        }
    }

    fn take(&self, mut bytes: &[u8]) {
        let mut state = self.state();
        self.written.store(true, Relaxed);
        while !bytes.is_empty() {
            let room = HELD - state.line.len();
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let (piece, rest) = bytes.split_at(end.map_or(room.min(bytes.len()), |end| end + 1));
            state.line.extend_from_slice(piece);
            bytes = rest;
            if end.is_some() {
                self.end_line(&mut state);
            } else if state.line.len() == HELD {
                self.cut(&mut state);
            }
        }
    }

    fn end_line(&self, state: &mut State) {
        while without_end(&state.line).len() > MAX_LINE {
            self.cut(state);
        }
        let line = std::mem::take(&mut state.line);
        self.say(state, &line);
    }

    /// What a line has room for becomes one. A character that would be cut in two goes to the next line, and a secret stays
    /// in this one, where three stars stand for it.
    fn cut(&self, state: &mut State) {
        let whole = MAX_LINE - unfinished(&state.line[..MAX_LINE]);
        let rest = state.line.split_off(whole_at(&state.line, whole));
        let line = std::mem::replace(&mut state.line, rest);
        self.say(state, &line);
    }

    fn say(&self, state: &mut State, line: &[u8]) {
        let text = String::from_utf8_lossy(without_end(line));
        // What Rust adds to a panic: a plugin has no environment to set that variable in.
        if text.is_empty() || text.starts_with("note: run with `RUST_BACKTRACE=") {
            return;
        }
        let caller = locked(&self.caller).clone();
        logging::line(&self.speaker, &caller, self.level, self.name, &text);
        // Before it is cut: a part of a secret is not found.
        let text = redacted(&text);
        state.last.push_str(&tame(&text, logging::MAX_MESSAGE));
        state.last.push('\n');
        let excess = state.last.len().saturating_sub(LAST_WORDS);
        let cut = state.last.ceil_char_boundary(excess);
        state.last.drain(..cut);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without its end of line.
fn without_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    &line[..end.map_or(0, |at| at + 1)]
}

/// Bytes at the end that are the beginning of a character.
fn unfinished(line: &[u8]) -> usize {
    let tail = &line[line.len().saturating_sub(3)..];
    let begins = |at: &usize| {
        let missing = match tail[*at] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 0,
        };
        missing > tail.len() - at
    };
    (0..tail.len()).find(begins).map_or(0, |at| tail.len() - at)
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
    use crate::{
        config::secrets::{Secrets, learn},
        id::BuildId,
    };

    fn outputs() -> Outputs {
        let speaker = Speaker::new("todo".parse().unwrap(), BuildId::of(b"x"));
        Outputs::new(&speaker, &Caller::host("r1"))
    }

    fn output() -> Output {
        outputs().stderr
    }

    #[test]
    fn keeps_the_last_words_only() {
        let outputs = outputs();
        let output = &outputs.stderr;
        output.take(&[b'x'; 10_000]);
        output.take(b"\nthread main panicked at src/lib.rs:1:\nno ");
        output.take(b"\xff luck\x1b[2J");
        let last = output.last_words();
        assert!(
            last.len() <= LAST_WORDS && last.ends_with("src/lib.rs:1:\nno \u{fffd} luck\\u{1b}[2J"),
            "{last}"
        );
        outputs.begin(&Caller::host("r2"));
        assert_eq!(output.last_words(), "");
    }

    #[test]
    fn a_line_ends_with_its_request() {
        let outputs = outputs();
        for output in [&outputs.stdout, &outputs.stderr] {
            output.take(b"half a line");
            assert_eq!(output.0.state().last, "");
            outputs.end();
            assert_eq!(output.0.state().last, "half a line\n");
            output.take(b"whole\nnot");
            outputs.begin(&Caller::host("r2"));
            assert_eq!(output.last_words(), "");
            assert!(output.0.state().line.is_empty());
        }
    }

    #[test]
    fn a_long_line_is_cut_into_several_between_characters() {
        for before in 0..4 {
            let output = output();
            let text = format!("{}{}", "x".repeat(before), "\u{1f980}".repeat(MAX_LINE / 2));
            for piece in text.as_bytes().chunks(1000) {
                output.take(piece);
                assert!(output.0.state().line.len() < HELD);
            }
            let last = output.last_words();
            assert!(
                !last.contains('\u{fffd}') && !last.contains("[cut]"),
                "{last}"
            );
        }
    }

    #[test]
    fn a_secret_is_not_cut_in_two() {
        let words: String = (0..700).map(|n| format!("n{n:03}")).collect();
        let secret = format!("cut-{words}-in-two");
        let mut secrets = Secrets::default();
        secrets.add(&secret);
        learn(&secrets);
        for before in (MAX_LINE - secret.len() - 1..=MAX_LINE + 1).step_by(97) {
            for end in ["", "\n"] {
                let output = output();
                output.take(format!("{}{secret}!{end}", "x".repeat(before)).as_bytes());
                let last = output.last_words();
                let shown = |c: char| !matches!(c, 'x' | '*' | '!' | '\n');
                let hidden = last.contains("***") && !last.contains(shown);
                assert!(hidden, "{before}: {last}");
            }
        }
    }

    #[test]
    fn what_is_no_text_is_taken_too() {
        let output = output();
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * MAX_LINE).collect();
        output.take(&bytes);
        output.take(&[0xf0; 2 * MAX_LINE]);
        assert!(output.last_words().len() <= LAST_WORDS);
        for (bytes, begun) in [
            (&b"ab"[..], 0),
            (b"a\xf0\x9f\xa6", 3),
            (b"\xf0\x9f\xa6\x80", 0),
            (b"\xf0\x9f\xa6\x80\xc3", 1),
            (b"\xe2\x82", 2),
            (b"\xff\xff", 0),
            (b"", 0),
        ] {
            assert_eq!(unfinished(bytes), begun, "{}", bytes.escape_ascii());
        }
    }
}
