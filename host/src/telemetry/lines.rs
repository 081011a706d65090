//! From events to lines of the log.

use super::{
    levels::{self, PLUGIN, REQUEST},
    line::{Format, Said},
    progress::is_compile,
    queue::{Class, Queue},
    voice::{self, Side},
};
use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, layer::Context};

/// The layer that decides what is read, and hands it to the queue.
pub(super) struct Lines {
    format: Format,
    queue: Queue,
    /// Compiles are shown below the log (`progress.rs`), not in it.
    compiles_apart: bool,
}

impl Lines {
    pub(super) fn new(format: Format, queue: Queue, compiles_apart: bool) -> Self {
        Self {
            format,
            queue,
            compiles_apart,
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        levels::reads(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(levels::most())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if self.compiles_apart && is_compile(metadata) {
            return;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let (level, target) = (*metadata.level(), metadata.target());
        let voice = said.text("plugin").and_then(voice::find);
        // What a plugin writes itself, and what the host has to say about a request to it: both as often as requests come.
        let side = match &voice {
            Some(voice) if target == PLUGIN && !voice.reads(level) => return,
            None if target == PLUGIN && level > levels::of(PLUGIN) => return,
            Some(_) if target == PLUGIN => Some(Side::Own),
            Some(_) if target != REQUEST && said.text("request").is_some() => {
                Some(if level == Level::ERROR {
                    Side::Fault
                } else {
                    Side::About
                })
            }
            _ => None,
        };
        let line = self.format.line(level, target, &said);
        let class = match (voice, side) {
            (Some(voice), Some(side)) => {
                if !voice.pays(side, line.len()) {
                    return self.queue.look();
                }
                Class::Plugin(voice)
            }
            _ if target == REQUEST => Class::Request,
            _ => Class::Host,
        };
        self.queue.push(line, class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::line::Shape;
    use std::{
        borrow::Cow,
        io::{self, Write},
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl Write for Text {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of what `events` says, a JSON value a line.
    fn written(events: impl FnOnce()) -> Vec<serde_json::Value> {
        let text = Text::default();
        let format = Format::new(Shape::Json, &[]);
        let (queue, guard) = Queue::start(
            text.clone(),
            format.clone(),
            |line| Cow::Borrowed(line),
            Vec::new,
        )
        .unwrap();
        let subscriber = tracing_subscriber::registry().with(Lines::new(format, queue, true));
        tracing::subscriber::with_default(subscriber, events);
        drop(guard);
        let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_plugins_level_is_its_own() {
        let _alone = levels::alone();
        let (loud, quiet) = (
            voice::voice(&"loud-in-lines".parse().unwrap()),
            voice::voice(&"quiet-in-lines".parse().unwrap()),
        );
        loud.set_level(LevelFilter::WARN);
        quiet.set_level(LevelFilter::OFF);
        let lines = written(|| {
            for plugin in [loud.plugin(), quiet.plugin()] {
                tracing::warn!(target: "plugin", %plugin, request = "r", "said");
                // What the host says about it is the host's.
                tracing::warn!(target: "greenroom::lines", %plugin, request = "r", "told");
            }
        });
        let said: Vec<_> = lines
            .iter()
            .map(|line| {
                (
                    line["plugin"].as_str().unwrap(),
                    line["message"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                ("loud-in-lines", "said"),
                ("loud-in-lines", "told"),
                ("quiet-in-lines", "told")
            ]
        );
    }

    #[test]
    fn a_flood_leaves_out_what_is_over_the_share_and_nothing_else() {
        let _alone = levels::alone();
        let voice = voice::voice(&"flood-in-lines".parse().unwrap());
        voice.set_level(LevelFilter::WARN);
        voice.allow(1);
        let plugin = voice.plugin().clone();
        let lines = written(|| {
            for _ in 0..100 {
                tracing::warn!(target: "plugin", %plugin, request = "r", "flood");
            }
            tracing::error!(target: "greenroom::lines", %plugin, request = "r", "trapped");
            for _ in 0..10 {
                tracing::warn!(target: "greenroom::lines", %plugin, "deployed");
            }
        });
        let count = |message: &str| {
            lines
                .iter()
                .filter(|line| line["message"] == message)
                .count()
        };
        assert_eq!(
            (count("flood"), count("trapped"), count("deployed")),
            (1, 1, 10)
        );
        assert_eq!(voice.take_lost(), 99);
    }

    #[test]
    fn compiles_stand_apart_on_a_terminal() {
        let lines = written(|| {
            tracing::warn!(name: "compile", target: "greenroom::engine::compile", "compile");
            tracing::warn!(target: "greenroom::engine::compile", "another");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "another");
    }
}
