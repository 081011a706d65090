//! Lines on their way to the log. They are written on a thread of their own: who logs never waits, and a reader that does
//! not keep up loses lines, which are counted and told. Only an audit event that is kept nowhere else waits, for a moment.

use super::{
    levels,
    line::{Format, Said, Value},
    voice::Voice,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::{
    borrow::Cow,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tracing::Level;

/// Lines that wait to be written, and their bytes.
const LINES: usize = 16_384;
const BYTES: usize = 16 << 20;
/// Of these, what lines of plugins and of the access log may take. The rest is for what the host has to say.
const OF_PLUGINS: (usize, usize) = (LINES / 4 * 3, BYTES / 4 * 3);
/// Between two tellings of what was lost.
const TELLING: Duration = Duration::from_secs(10);
/// How long an audit event waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);
/// At the end: to say that it is the end, and to write what waits.
const ENDING: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

const TARGET: &str = "greenroom::telemetry";

/// Where lines go in. Clones are the same queue.
#[derive(Clone)]
pub(super) struct Queue {
    sender: Sender<Message>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    bytes: AtomicUsize,
    /// Lines that had no place, or could not be written: all of them, those that were not told yet, and the audit events
    /// among them.
    lost: AtomicU64,
    untold: AtomicU64,
    audits: AtomicU64,
    /// Something was lost since it was last told.
    losses: AtomicBool,
    /// An audit event waited in vain: the next ones do not, until a line is written.
    stuck: AtomicBool,
}

enum Message {
    Line(String, Option<Arc<Voice>>),
    /// There are losses to tell.
    Look,
    End,
}

/// What a line may take.
pub(super) enum Class {
    /// Of a plugin, or about one of its requests.
    Plugin(Arc<Voice>),
    /// Of the access log.
    Request,
    Host,
    /// An audit event that is kept nowhere else.
    Audit,
}

/// What a finished line becomes before anybody sees it.
pub(super) type Finish = fn(&str) -> Cow<'_, str>;

pub(super) type Voices = fn() -> Vec<Arc<Voice>>;

/// Writes what is in the queue when it is dropped.
pub(super) struct Guard {
    sender: Sender<Message>,
    ended: Receiver<()>,
}

impl Queue {
    /// Starts the thread that writes to `out`. `format`: for the lines about losses. `voices`: whose losses are told.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        format: Format,
        finish: Finish,
        voices: Voices,
    ) -> io::Result<(Self, Guard)> {
        let (sender, receiver) = bounded(LINES);
        let (end, ended) = bounded(1);
        let state = Arc::new(State::default());
        let mut writer = Writer {
            out,
            format,
            finish,
            voices,
            state: state.clone(),
        };
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || {
                writer.run(&receiver);
                // Nobody may listen any more.
                let _ = end.send(());
            })?;
        let guard = Guard {
            sender: sender.clone(),
            ended,
        };
        Ok((Self { sender, state }, guard))
    }

    /// `line`: whole, with its end.
    pub(super) fn push(&self, line: String, class: Class) {
        let bytes = line.len();
        let ((most_lines, most_bytes), voice, waits) = match class {
            Class::Plugin(voice) => (OF_PLUGINS, Some(voice), false),
            Class::Request => (OF_PLUGINS, None, false),
            Class::Host => ((LINES, BYTES), None, false),
            Class::Audit => ((LINES, 2 * BYTES), None, true),
        };
        if voice.as_ref().is_some_and(|voice| !voice.wait(bytes)) {
            return self.lose(waits);
        }
        let waiting = self.state.bytes.fetch_add(bytes, Relaxed) + bytes;
        let fits = waiting <= most_bytes && (waits || self.sender.len() < most_lines);
        if !(fits && self.send(Message::Line(line, voice.clone()), waits)) {
            self.state.bytes.fetch_sub(bytes, Relaxed);
            if let Some(voice) = voice {
                voice.written(bytes);
            }
            self.lose(waits);
        }
    }

    fn send(&self, message: Message, waits: bool) -> bool {
        match self.sender.try_send(message) {
            Ok(()) => true,
            Err(TrySendError::Full(message)) if waits && !self.state.stuck.load(Relaxed) => {
                let sent = self.sender.send_timeout(message, PATIENCE).is_ok();
                if !sent {
                    self.state.stuck.store(true, Relaxed);
                }
                sent
            }
            Err(_) => false,
        }
    }

    fn lose(&self, audit: bool) {
        self.state.lose();
        if audit {
            self.state.audits.fetch_add(1, Relaxed);
        }
        self.look();
    }

    /// Has told what was lost, of a plugin's voice too.
    pub(super) fn look(&self) {
        if !self.state.losses.swap(true, Relaxed) {
            // A full queue has its writer awake.
            let _ = self.sender.try_send(Message::Look);
        }
    }

    /// Lines lost since the start, and the audit events among them.
    pub(super) fn lost(&self) -> (u64, u64) {
        (
            self.state.lost.load(Relaxed),
            self.state.audits.load(Relaxed),
        )
    }
}

impl State {
    fn lose(&self) {
        self.lost.fetch_add(1, Relaxed);
        self.untold.fetch_add(1, Relaxed);
    }
}

/// For what stands below the log on a terminal.
impl Write for Queue {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.push(String::from_utf8_lossy(text).into_owned(), Class::Host);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (saying, writing) = ENDING;
        if self.sender.send_timeout(Message::End, saying).is_ok() {
            // Late or not: the process ends.
            let _ = self.ended.recv_timeout(writing);
        }
    }
}

struct Writer<W> {
    out: W,
    format: Format,
    finish: Finish,
    voices: Voices,
    state: Arc<State>,
}

impl<W: Write> Writer<W> {
    fn run(&mut self, lines: &Receiver<Message>) {
        let mut told: Option<Instant> = None;
        loop {
            let next = if self.state.losses.load(Relaxed) {
                lines.recv_timeout(TELLING)
            } else {
                lines.recv().map_err(RecvTimeoutError::from)
            };
            match next {
                Ok(Message::Line(line, voice)) => {
                    self.write(&line);
                    self.state.bytes.fetch_sub(line.len(), Relaxed);
                    if let Some(voice) = voice {
                        voice.written(line.len());
                    }
                }
                Ok(Message::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
            let due = told.is_none_or(|told| told.elapsed() >= TELLING);
            if self.state.losses.load(Relaxed) && due {
                self.tell();
                told = Some(Instant::now());
            }
        }
        self.tell();
        // The log has nobody to tell.
        let _ = self.out.flush();
    }

    fn write(&mut self, line: &str) {
        let line = (self.finish)(line);
        if self.out.write_all(line.as_bytes()).is_ok() {
            self.state.stuck.store(false, Relaxed);
        } else {
            self.state.lose();
            self.state.losses.store(true, Relaxed);
        }
    }

    fn tell(&mut self) {
        if !self.state.losses.swap(false, Relaxed) {
            return;
        }
        let lost = self.state.untold.swap(0, Relaxed);
        if lost > 0 {
            let said = Said::new("lines of the log were lost: its reader does not keep up");
            self.say(&said.with("lost", Value::Bare(lost.to_string())));
        }
        for voice in (self.voices)() {
            let lost = voice.take_lost();
            if lost > 0 {
                let said = Said::new("lines of a plugin were left out: more than its limits.log");
                let plugin = Value::Word(voice.plugin().to_string());
                let said = said.with("plugin", plugin);
                self.say(&said.with("lost", Value::Bare(lost.to_string())));
            }
        }
    }

    fn say(&mut self, said: &Said) {
        if Level::WARN <= levels::of(TARGET) {
            self.write(&self.format.line(Level::WARN, TARGET, said));
        }
    }
}

#[cfg(test)]
mod tests;
