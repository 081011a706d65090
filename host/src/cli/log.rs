//! `greenroom log`: what the running host logs, and a change of it.

use super::{Host, client::Request, output};
use crate::{
    config::levels::{self, WORDS},
    id::PluginId,
};
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;

/// The wait for the answer.
const WITHIN: Duration = Duration::from_secs(30);
/// In place of a level: what holds without a change.
const DEFAULT: &str = "default";

/// Show what the running host logs, or change it until the host stops
#[derive(Debug, Args)]
#[command(override_usage = "greenroom log [[PLUGIN] LEVEL] [OPTIONS]")]
#[command(after_help = "Examples:
  greenroom log                     show the levels
  greenroom log todo debug          one plugin's lines from debug on
  greenroom log todo default        no level of its own any more
  greenroom log info,plugin=debug   all others, as GREENROOM_LOG has them
  greenroom log default             all others, as at the start

Levels are error, warn, info, debug, trace and off. A restart brings back what the configuration says.")]
pub struct Log {
    /// A plugin and its level, or the levels of all that have none of their own
    #[arg(value_name = "LEVEL", num_args = 0..=2)]
    pub words: Vec<String>,
    #[command(flatten)]
    pub host: Host,
}

impl Log {
    /// What to ask the host. An error says what is wrong with the words.
    pub(super) fn request(&self) -> Result<Request, String> {
        let body = match self.words.as_slice() {
            [] => None,
            [levels] => Some(all(levels)?),
            [plugin, level, ..] => Some(one(plugin, level)?),
        };
        Ok(Request {
            method: if body.is_some() { "POST" } else { "GET" },
            target: "/log".to_owned(),
            body: body.map(|body| body.to_string()).unwrap_or_default().into(),
            within: WITHIN,
        })
    }

    /// The host's answer for people: after a change the one row that it is about.
    pub(super) fn shown(&self, answer: &Value) -> String {
        let [plugin, _] = self.words.as_slice() else {
            return output::levels(answer);
        };
        let mut rows = answer["plugins"].as_array().into_iter().flatten();
        let row = rows.find(|row| row["plugin"] == plugin.as_str());
        let level = row.and_then(|row| row["level"].as_str()).unwrap_or("?");
        let until = if row.is_some_and(|row| row["changed"] == true) {
            ", until the host stops"
        } else {
            ", as the others"
        };
        format!("{plugin}: lines from {level} on{until}").replace("lines from off on", "no lines")
    }
}

fn all(levels: &str) -> Result<Value, String> {
    if levels == DEFAULT {
        return Ok(json!({ "levels": null }));
    }
    match levels.parse::<levels::Levels>() {
        Ok(_) => Ok(json!({ "levels": levels })),
        Err(_) if levels.parse::<PluginId>().is_ok() => Err(format!(
            "`{levels}` is no level; for a plugin of that id say which: greenroom log {levels} LEVEL, where LEVEL is \
             {WORDS}"
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn one(plugin: &str, level: &str) -> Result<Value, String> {
    let plugin: PluginId = plugin
        .parse()
        .map_err(|error: crate::id::InvalidPluginId| error.to_string())?;
    if level == DEFAULT {
        return Ok(json!({ "plugin": plugin, "level": null }));
    }
    match levels::level(level) {
        Some(level) => Ok(json!({ "plugin": plugin, "level": levels::word(level) })),
        None => {
            let level: String = level.chars().take(80).collect();
            Err(format!(
                "{level:?} is no level; it takes {WORDS}, or default"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ConfigFiles;

    fn log(words: &[&str]) -> Log {
        Log {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            host: Host {
                socket: None,
                config: ConfigFiles { files: Vec::new() },
                json: false,
            },
        }
    }

    fn asked(words: &[&str]) -> Result<(&'static str, String), String> {
        log(words).request().map(|request| {
            let body = String::from_utf8(request.body.to_vec()).unwrap();
            (request.method, body)
        })
    }

    #[test]
    fn words_become_what_the_host_is_asked() {
        for (words, method, body) in [
            (&[][..], "GET", ""),
            (&["debug"], "POST", r#"{"levels":"debug"}"#),
            (
                &["info,plugin=debug"],
                "POST",
                r#"{"levels":"info,plugin=debug"}"#,
            ),
            (&["default"], "POST", r#"{"levels":null}"#),
            (
                &["todo", "DEBUG"],
                "POST",
                r#"{"plugin":"todo","level":"debug"}"#,
            ),
            (
                &["todo", "default"],
                "POST",
                r#"{"plugin":"todo","level":null}"#,
            ),
        ] {
            assert_eq!(asked(words), Ok((method, body.to_owned())), "{words:?}");
        }
    }

    #[test]
    fn words_that_make_no_sense_are_told_with_what_does() {
        for (words, part) in [
            (&["todo"][..], "greenroom log todo LEVEL"),
            (&["a b"], "`a b` is no level"),
            (&["todo", "loud"], "\"loud\" is no level"),
            (&["Not_An_Id", "info"], "is no plugin id"),
        ] {
            let error = asked(words).unwrap_err();
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }

    #[test]
    fn a_change_is_told_in_one_line() {
        let answer = json!({
            "levels": "info", "source": "default",
            "plugins": [
                { "plugin": "todo", "level": "debug", "changed": true },
                { "plugin": "notes", "level": "off", "changed": true },
                { "plugin": "hello", "level": "info", "changed": false },
            ],
        });
        for (words, shown) in [
            (
                ["todo", "debug"],
                "todo: lines from debug on, until the host stops",
            ),
            (["notes", "off"], "notes: no lines, until the host stops"),
            (
                ["hello", "default"],
                "hello: lines from info on, as the others",
            ),
        ] {
            assert_eq!(log(&words).shown(&answer), shown);
        }
        let table = log(&[]).shown(&answer);
        assert!(
            table.starts_with(
                "OF     LEVEL  BY\nall    info   default\ntodo   debug  greenroom log\n"
            ),
            "{table}"
        );
    }
}
