//! The log: one line an event on standard error, as text or as JSON, and the audit events among them. A reader that does
//! not keep up loses lines, which are counted and told, instead of holding up requests.

mod audit_file;
mod escape;
mod levels;
mod line;
mod lines;
mod progress;
mod queue;
mod voice;

pub use escape::tame;
pub use levels::{PluginLevel, Told, change_all, change_plugin, told};
pub use voice::{Voice, voice};

use crate::config::{
    Auditor, Levels, LogFormat, Logger, Severity, levels::level, secrets::redacted_line as redacted,
};
use anyhow::{Context, Result, anyhow};
use audit_file::{AuditFile, Otherwise};
use line::{Format, Shape};
use lines::Lines;
use progress::{Progress, Terminal};
use queue::{Class, Queue};
use std::{
    io::{self, stderr},
    path::Path,
    sync::OnceLock,
};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// What the log starts with.
pub struct Start<'a> {
    pub logger: &'a Logger,
    pub auditor: &'a Auditor,
    /// The variable `LOG_LEVEL`: one level, in place of `backend.logger.level`.
    pub log_level: Option<&'a str>,
    /// The variable `GREENROOM_LOG`: levels, in place of all others.
    pub greenroom_log: Option<&'a str>,
    /// `--json`, whatever `backend.logger.format` says.
    pub json: bool,
    /// Standard error is a terminal.
    pub terminal: bool,
    /// On a terminal: with colours.
    pub colours: bool,
}

/// The log as it runs. What waits is written when it is dropped.
pub struct Log {
    // In this order: the end of the first can have something to say to the second.
    _audit: Option<audit_file::Guard>,
    _lines: queue::Guard,
}

/// Where audit events go.
struct Sink {
    log: Queue,
    format: Format,
    auditor: Auditor,
    file: Option<AuditFile>,
    /// A line of the file is as one of a JSON log.
    json: Format,
}

static SINK: OnceLock<Sink> = OnceLock::new();

/// Starts the log of this process. For once.
///
/// On a terminal, unless it is JSON that is asked for, the log has colours, and in place of the line about a compile there
/// is one that shows how it goes.
pub fn start(start: &Start<'_>) -> Result<Log> {
    let (levels, source) = levels_of(start)?;
    levels::begin(levels, source);
    let shape = match start.logger.format {
        _ if start.json => Shape::Json,
        LogFormat::Json => Shape::Json,
        LogFormat::Auto if !start.terminal => Shape::Json,
        LogFormat::Auto | LogFormat::Text if start.terminal && start.colours => Shape::Colours,
        LogFormat::Auto | LogFormat::Text => Shape::Text,
    };
    let format = Format::new(shape, &start.logger.meta);
    let progress = start.terminal && shape != Shape::Json;
    let begun = if progress {
        let terminal = Terminal::new(stderr());
        Queue::start(terminal, format.clone(), redacted, voice::all)
    } else {
        Queue::start(stderr(), format.clone(), redacted, voice::all)
    };
    let (queue, lines) = begun.context("no thread for the log")?;
    let json = Format::new(Shape::Json, &start.logger.meta);
    let opened = start.auditor.file.as_deref().map(|path| {
        let otherwise = IntoLog(queue.clone());
        AuditFile::open(path, otherwise)
    });
    let (file, audit) = opened.transpose()?.unzip();
    let layer = Lines::new(format.clone(), queue.clone(), progress);
    let registry = tracing_subscriber::registry().with(layer);
    if progress {
        registry.with(Progress::new(queue.clone())).init();
    } else {
        registry.init();
    }
    let sink = Sink {
        log: queue,
        format,
        auditor: start.auditor.clone(),
        file,
        json,
    };
    // One that was there before stays: there is one log.
    let _ = SINK.set(sink);
    Ok(Log {
        _audit: audit,
        _lines: lines,
    })
}

fn levels_of(start: &Start<'_>) -> Result<(Levels, &'static str)> {
    let given = |variable: Option<&str>| {
        let text = variable.map(str::trim).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    if let Some(text) = given(start.greenroom_log) {
        let levels = text.parse::<Levels>().context(
            "GREENROOM_LOG takes a level (error, warn, info, debug, trace, off), or targets with levels: info,plugin=debug",
        )?;
        return Ok((levels, "GREENROOM_LOG"));
    }
    let mut levels = start.logger.levels.clone();
    if let Some(text) = given(start.log_level) {
        let level = level(&text).ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            anyhow!("LOG_LEVEL is {shown:?}; it takes error, warn, info, debug, trace or off")
        })?;
        levels.set_rest(level);
        return Ok((levels, "LOG_LEVEL"));
    }
    let source = if levels == Levels::default() {
        "default"
    } else {
        "backend.logger"
    };
    Ok((levels, source))
}

/// Writes an audit event: to the audit file, where there is one, and to the log where its level is read there. Waits only
/// when many wait already, and then for a second at most. `members`: of a JSON object, without its braces.
pub(crate) fn audit(severity: Severity, message: &str, members: &str) {
    let Some(sink) = SINK.get() else { return };
    let level = sink.auditor.level(severity);
    let members = line::ascii(members);
    let mut forced = false;
    if let Some(file) = &sink.file {
        let line = sink.json.audit(level, message, &members);
        // One that has no place in the file has one in the log.
        forced = !file.push(redacted(&line).into_owned());
    }
    if forced || level <= levels::of("audit") {
        let class = if sink.file.is_none() || forced {
            Class::Audit
        } else {
            Class::Host
        };
        sink.log
            .push(sink.format.audit(level, message, &members), class);
    }
}

/// Lines that were lost since the start, and audit events: of the log where there is no file, else of the file.
pub fn lost() -> (u64, u64) {
    SINK.get().map_or((0, 0), |sink| {
        let (lines, audits) = sink.log.lost();
        (lines, sink.file.as_ref().map_or(audits, AuditFile::failed))
    })
}

/// What the audit file cannot take.
struct IntoLog(Queue);

impl Otherwise for IntoLog {
    fn keep(&self, line: &str) {
        self.0.push(line.to_owned(), Class::Audit);
    }

    fn complain(&self, path: &Path, error: &io::Error, events: u64) {
        tracing::error!(
            path = %path.display(), %error, events,
            "backend.auditor.file cannot be written; its events are in this log instead"
        );
    }
}

#[cfg(test)]
mod tests;
