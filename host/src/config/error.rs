//! Why a configuration is refused: every problem found, each with its place in the file.

use super::{mask, node::Place, secrets::Masks};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
    SourceSpan,
};
use serde_json::json;
use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes of a line. In a file with a longer one, problems are shown with their line and column alone.
const MAX_SHOWN_LINE: usize = 2000;

/// A file as it was read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// As the user named it.
    pub(super) name: String,
    /// Absolute; relative paths in the file start at its folder.
    pub(super) path: PathBuf,
    pub(super) text: Arc<str>,
    /// The same with stars in the place of secrets: what errors show.
    shown: Arc<str>,
}

impl Source {
    pub(super) fn new(name: String, path: PathBuf, text: Arc<str>) -> Self {
        let shown = mask::guessed(&text);
        Self {
            name,
            path,
            text,
            shown,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// It could be read: errors leave out these places, and nothing else.
    pub(super) fn hide(&mut self, places: &[Place]) {
        self.shown = mask::covered(&self.text, places);
    }

    /// The byte at which each line begins.
    pub(super) fn lines(&self) -> Vec<usize> {
        let ends = self.text.match_indices('\n').map(|(at, _)| at + 1);
        std::iter::once(0).chain(ends).collect()
    }
}

/// The configuration cannot be used. Holds at least one [`Problem`], in the order of the files.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// `problems` is not empty.
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::order);
        Self { problems }
    }

    /// Each problem with its file, line, column and lines of the file; no colours.
    pub fn render(&self) -> String {
        self.rendered(GraphicalTheme::unicode_nocolor())
    }

    /// As [`Self::render`], for a terminal.
    pub fn render_with_colours(&self) -> String {
        self.rendered(GraphicalTheme::unicode())
    }

    fn rendered(&self, theme: GraphicalTheme) -> String {
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_wrap_lines(false);
        let mut text = String::new();
        for problem in &self.problems {
            if !text.is_empty() {
                text.push('\n');
            }
            // Into a string it does not fail.
            let _ = handler.render_report(&mut text, problem);
            if problem.source_code().is_none()
                && let Some(place) = problem.written_place()
            {
                let _ = writeln!(text, "  at {place} {}", problem.why().unwrap_or_default());
            }
        }
        text
    }

    /// `[{"message", "why", "help", "file", "line", "column"}]`; all but the message may be null.
    pub fn to_json(&self) -> serde_json::Value {
        self.problems.iter().map(Problem::to_json).collect()
    }

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The same without these.
    pub(super) fn without(mut self, secrets: &Masks) -> Self {
        for problem in &mut self.problems {
            problem.hide(secrets);
        }
        self
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.write_line(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.problems
                .iter()
                .map(|problem| problem as &dyn Diagnostic),
        ))
    }
}

/// One thing that is wrong. Displays as its message alone.
#[derive(Debug)]
pub struct Problem {
    message: String,
    help: Option<String>,
    /// Boxed, so that results stay small.
    source: Option<Box<NamedSource<Arc<str>>>>,
    labels: Vec<LabeledSpan>,
    /// File and byte, to sort by.
    place: Option<(usize, usize)>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            source: None,
            labels: Vec::new(),
            place: None,
        }
    }

    /// Points at a place with a word about it.
    pub(super) fn at(mut self, source: &Source, place: Place, label: impl Into<String>) -> Self {
        self = self.of(source);
        self.place = Some((place.file, place.start));
        self.labels.push(LabeledSpan::new_primary_with_span(
            Some(label.into()),
            span(place),
        ));
        self
    }

    /// Points at a second place of the same file.
    pub(super) fn also(mut self, source: &Source, place: Place, label: impl Into<String>) -> Self {
        if self.place.is_some_and(|(file, _)| file == place.file) {
            self = self.of(source);
            self.labels
                .push(LabeledSpan::new_with_span(Some(label.into()), span(place)));
        }
        self
    }

    /// Names the file without a place in it.
    pub(super) fn of(mut self, source: &Source) -> Self {
        self.source = Some(Box::new(NamedSource::new(
            &source.name,
            tame(&source.shown),
        )));
        self
    }

    fn hide(&mut self, secrets: &Masks) {
        let hide = |text: &mut String| *text = secrets.redact(text).into_owned();
        hide(&mut self.message);
        if let Some(help) = &mut self.help {
            hide(help);
        }
        for label in &mut self.labels {
            let text = label.label().map(|text| secrets.redact(text).into_owned());
            label.set_label(text);
        }
        if let Some(source) = &mut self.source {
            let shown = secrets.cover(source.inner()).into_owned();
            **source = NamedSource::new(source.name(), shown.into());
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn order(&self) -> (usize, usize) {
        self.place.unwrap_or((usize::MAX, 0))
    }

    /// Line and column, both from 1.
    fn position(&self) -> Option<(usize, usize)> {
        let (source, label) = self.source.as_ref().zip(self.labels.first())?;
        let contents = source.read_span(label.inner(), 0, 0).ok()?;
        Some((contents.line() + 1, contents.column() + 1))
    }

    fn why(&self) -> Option<&str> {
        self.labels.first().and_then(LabeledSpan::label)
    }

    /// `app-config.yaml:3:5:`, as far as it is known.
    fn written_place(&self) -> Option<String> {
        let name = self.source.as_ref()?.name();
        Some(match self.position() {
            Some((line, column)) => format!("{name}:{line}:{column}:"),
            None => format!("{name}:"),
        })
    }

    /// `app-config.yaml:3:5: message (why)`.
    fn write_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.written_place() {
            write!(f, "{place} ")?;
        }
        f.write_str(&self.message)?;
        self.why().map_or(Ok(()), |why| write!(f, " ({why})"))
    }

    fn to_json(&self) -> serde_json::Value {
        let position = self.position();
        json!({
            "message": self.message,
            "why": self.why(),
            "help": self.help,
            "file": self.source.as_ref().map(|source| source.name()),
            "line": position.map(|(line, _)| line),
            "column": position.map(|(_, column)| column),
        })
    }
}

/// The text without what a terminal would obey. Every byte stays at its offset.
fn tame(text: &Arc<str>) -> Arc<str> {
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if !text.contains(obeyed) {
        return text.clone();
    }
    let tamed = text.chars().map(|c| match (obeyed(c), c.len_utf8()) {
        (false, _) => c,
        (true, 1) => '?',
        (true, _) => '¿',
    });
    tamed.collect::<String>().into()
}

fn span(place: Place) -> SourceSpan {
    (place.start, place.len).into()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        // Without a label there is nothing to show of the file; and miette panics on columns past 65,535.
        let source = self.source.as_ref().filter(|source| {
            !self.labels.is_empty()
                && source
                    .inner()
                    .split('\n')
                    .all(|line| line.len() <= MAX_SHOWN_LINE)
        });
        source.map(|source| &**source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
