use super::*;
use serde_json::json;
use std::sync::Mutex;
use tracing_subscriber::{Layer, layer::SubscriberExt};

/// Keeps what an event says, and its level and target.
struct Keep(Mutex<Option<(Level, String, Said)>>);

impl<S: tracing::Subscriber> Layer<S> for &'static Keep {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let metadata = event.metadata();
        *self.0.lock().unwrap() = Some((*metadata.level(), metadata.target().to_owned(), said));
    }
}

/// The line that an event becomes, without its time.
fn written(format: &Format, event: impl FnOnce()) -> String {
    let keep: &'static Keep = Box::leak(Box::new(Keep(Mutex::default())));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(keep), event);
    let (level, target, said) = keep.0.lock().unwrap().take().expect("an event");
    let line = format.line(level, &target, &said);
    assert!(
        line.ends_with('\n') && line.matches('\n').count() == 1,
        "{line:?}"
    );
    line.trim_end().to_owned()
}

fn meta(of: serde_json::Value) -> Vec<(String, serde_json::Value)> {
    let serde_json::Value::Object(map) = of else {
        panic!()
    };
    map.into_iter().collect()
}

fn plain_text(event: impl FnOnce()) -> String {
    let line = written(&Format::new(Shape::Text, &[]), event);
    let (time, rest) = line.split_at("2026-11-22T17:03:34.819824Z ".len());
    assert!(
        time.ends_with("Z ") && time.as_bytes()[19] == b'.',
        "{time}"
    );
    rest.to_owned()
}

fn json_of(event: impl FnOnce()) -> serde_json::Value {
    let mut line: serde_json::Value =
        serde_json::from_str(&written(&Format::new(Shape::Json, &[]), event)).unwrap();
    let map = line.as_object_mut().unwrap();
    assert_eq!(map.remove("service"), Some("greenroom".into()));
    assert!(
        map.remove("timestamp")
            .unwrap()
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    line
}

fn deploy() {
    tracing::info!(target: "greenroom::x", plugin = %"todo", version = "0.1.0", milliseconds = 31_u64, held = true, "deploy");
}

#[test]
fn a_line_for_people_is_as_the_readme_shows_it() {
    assert_eq!(
        plain_text(deploy),
        " INFO greenroom::x: deploy plugin=todo version=\"0.1.0\" milliseconds=31 held=true"
    );
    assert_eq!(
        plain_text(
            || tracing::error!(target: "x", error = %"the disk is full", at = ?Some(1), "no")
        ),
        "ERROR x: no error=\"the disk is full\" at=Some(1)"
    );
}

#[test]
fn a_line_for_programs_has_each_field_with_its_type() {
    assert_eq!(
        json_of(deploy),
        json!({
            "level": "INFO", "message": "deploy", "plugin": "todo", "version": "0.1.0", "milliseconds": 31,
            "held": true, "target": "greenroom::x",
        })
    );
    assert_eq!(
        json_of(|| tracing::warn!(target: "x", share = 0.5, none = f64::NAN, "a \"b\"")),
        json!({ "level": "WARN", "message": "a \"b\"", "share": 0.5, "none": "NaN", "target": "x" })
    );
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);
    let error = Outer(std::io::Error::other("inner"));
    let error: &dyn Error = &error;
    let line = json_of(|| tracing::error!(target: "x", error, "failed"));
    assert_eq!(line["error"], "outer: inner");
}

#[test]
fn a_message_for_people_cannot_pass_for_fields() {
    let text = "done plugin=todo build=abc";
    assert_eq!(
        plain_text(|| tracing::info!(target: "plugin", plugin = %"evil", "{text}")),
        " INFO plugin: \"done plugin=todo build=abc\" plugin=evil"
    );
    let text = "say \"x\" \u{1b}[2J\n2026-01-01T00:00:00.000000Z ERROR x: forged\u{202e}";
    let line = plain_text(|| tracing::info!(target: "plugin", at = %text, "{text}"));
    let quoted =
        "\"say \\\"x\\\" \\u{1b}[2J\\n2026-01-01T00:00:00.000000Z ERROR x: forged\\u{202e}\"";
    assert_eq!(line, format!(" INFO plugin: {quoted} at={quoted}"));
}

#[test]
fn a_text_cannot_break_out_of_its_json() {
    let text = "\",\"plugin\":\"todo\",\"x\":\"\u{2028}\u{1b}\u{9b}\\";
    let line = written(&Format::new(Shape::Json, &[]), || {
        tracing::info!(target: "plugin", plugin = %"evil", said = text, "{text}");
    });
    assert!(!line.contains(escape::is_hidden), "{line:?}");
    let read: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&read["plugin"], &read["said"], &read["message"]),
        (&"evil".into(), &text.into(), &text.into())
    );
}

#[test]
fn values_and_lines_are_bounded() {
    let long = "ä".repeat(10 << 10);
    for shape in [Shape::Json, Shape::Text] {
        let line = written(&Format::new(shape, &[]), || {
            tracing::info!(target: "x", a = %long, b = long.as_str(), c = ?long, d = %long, e = 1, "{long}");
        });
        assert!(line.len() < (26 << 10), "{}", line.len());
        assert!(
            line.contains("[cut]") && line.contains('e'),
            "{}",
            line.len()
        );
    }
    // One that is as long as a plugin's may be stays whole.
    let most = format!("{}{}", "x".repeat(8 << 10), escape::CUT);
    assert_eq!(
        json_of(|| tracing::info!(target: "x", "{most}"))["message"],
        most.as_str()
    );
}

#[test]
fn what_the_configuration_adds_stands_in_every_line() {
    let meta = meta(
        json!({ "service": "edge", "zone": "a b", "held": "no", "rack": 7, "labels": { "x": ["\u{202e}"] } }),
    );
    let line = written(&Format::new(Shape::Json, &meta), deploy);
    let read: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (
            &read["service"],
            &read["zone"],
            &read["rack"],
            &read["labels"]["x"][0]
        ),
        (&"edge".into(), &"a b".into(), &7.into(), &"\u{202e}".into())
    );
    assert!(!line.contains('\u{202e}'), "{line}");
    assert_eq!(read["held"], true, "a line's own fields win");
    assert_eq!(line.matches("\"held\"").count(), 1);
    let line = written(&Format::new(Shape::Text, &meta), deploy);
    assert!(
        line.contains(" zone=\"a b\"") && line.contains(" rack=7"),
        "{line}"
    );
    let audit =
        Format::new(Shape::Json, &meta).audit(Level::INFO, "todo.deploy", "\"plugin\":\"todo\"");
    let read: serde_json::Value = serde_json::from_str(&audit).unwrap();
    assert_eq!(
        (&read["target"], &read["service"], &read["plugin"]),
        (&"audit".into(), &"edge".into(), &"todo".into())
    );
}

#[test]
fn an_audit_event_is_json_on_a_terminal_too() {
    let line =
        Format::new(Shape::Text, &[]).audit(Level::INFO, "todo.deploy", "\"plugin\":\"todo\"");
    let (_, body) = line.split_once(" audit: ").unwrap();
    let read: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(read, json!({ "message": "todo.deploy", "plugin": "todo" }));
}

#[test]
fn colours_are_for_terminals() {
    let line = written(&Format::new(Shape::Colours, &[]), deploy);
    assert!(
        line.contains("\x1b[32m INFO\x1b[0m") && line.contains("deploy"),
        "{line:?}"
    );
    assert!(!plain_text(deploy).contains('\x1b'));
}
