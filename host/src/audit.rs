//! Audit events: who changed what, and who was refused. Each is one JSON line of the target `audit`, with the fields of
//! Backstage's auditor, complete and bounded.

use crate::{
    auth::Caller,
    id::PluginId,
    telemetry::{self, tame},
};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

pub use crate::config::Severity;

/// Bytes of one text, and of `error`.
const TEXT: usize = 1 << 10;
const ERROR: usize = 4 << 10;
/// Entries of `meta`, and of what lies in one of them.
const ENTRIES: usize = 16;
/// How deep a value of `meta` is looked into.
const DEPTH: usize = 3;
/// Bytes of all of `meta`.
const META: usize = 8 << 10;

/// An event in the making. It has succeeded unless [`Event::failed`] says otherwise.
///
/// Texts may come from anywhere: they are bounded, and forge nothing. But whoever makes one keeps credentials, cookies,
/// query strings and bodies out of it.
#[derive(Debug, Clone)]
#[must_use = "it is written by `record`"]
pub struct Event {
    id: &'static str,
    plugin: Option<PluginId>,
    severity: Severity,
    actor: Map<String, Value>,
    request: Map<String, Value>,
    meta: Map<String, Value>,
    error: Option<String>,
}

impl Event {
    /// `id`: what happened, in kebab-case: `deploy`, `login-refused`. It is the host's own until it is a plugin's, and the
    /// host is its actor until there is another.
    pub fn new(id: &'static str) -> Self {
        Self {
            id,
            plugin: None,
            severity: Severity::default(),
            actor: Map::new(),
            request: Map::new(),
            meta: Map::new(),
            error: None,
        }
    }

    /// Whom it is about.
    pub fn plugin(mut self, plugin: &PluginId) -> Self {
        self.plugin = Some(plugin.clone());
        self
    }

    /// Default [`Severity::Low`], whose line in the log is at `debug` unless the configuration says otherwise.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Who asked: its principal, and the request's id.
    pub fn caller(mut self, caller: &Caller) -> Self {
        set(&mut self.request, "id", &caller.request);
        self.actor(caller.principal.name())
    }

    /// Who did it, by name, where there is no [`Caller`]: `uid:1000`.
    pub fn actor(mut self, name: &str) -> Self {
        set(&mut self.actor, "actorId", name);
        self
    }

    /// Where the request came from, and what the client calls itself.
    pub fn client(mut self, ip: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        if let Some(ip) = ip {
            set(&mut self.actor, "ip", &ip.to_canonical().to_string());
        }
        if let Some(agent) = user_agent {
            set(&mut self.actor, "userAgent", agent);
        }
        self
    }

    /// The request, by its method and its path. What follows a `?` is not kept: it may hold a credential.
    pub fn request(mut self, method: &str, path: &str) -> Self {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        set(&mut self.request, "url", path);
        set(&mut self.request, "method", method);
        self
    }

    /// Whatever else there is to know; 16 entries at most.
    pub fn meta(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        if self.meta.len() < ENTRIES {
            self.meta
                .insert(name.to_owned(), bounded(value.into(), DEPTH));
        }
        self
    }

    /// It did not come to pass, and why.
    pub fn failed(mut self, why: &str) -> Self {
        self.error = Some(tame(why, ERROR).into_owned());
        self
    }

    /// Writes it.
    pub fn record(self) {
        let severity = self.severity;
        let (message, members) = self.written();
        telemetry::audit(severity, &message, &members);
    }

    /// Its message, and the members of a JSON object without its braces, in Backstage's order.
    pub(crate) fn written(mut self) -> (String, String) {
        let plugin = self.plugin.as_ref().map_or("greenroom", PluginId::as_str);
        self.actor
            .entry("actorId")
            .or_insert_with(|| "greenroom".into());
        let mut members = vec![
            ("isAuditEvent", json!(true)),
            ("plugin", json!(plugin)),
            ("eventId", json!(self.id)),
            ("severityLevel", json!(self.severity.word())),
            ("actor", Value::Object(self.actor)),
        ];
        if !self.request.is_empty() {
            members.push(("request", Value::Object(self.request)));
        }
        let meta = Value::Object(self.meta);
        match meta.to_string().len() {
            2 => {}
            bytes if bytes <= META => members.push(("meta", meta)),
            bytes => members.push(("meta", json!({ "cut": bytes }))),
        }
        let status = if self.error.is_some() {
            "failed"
        } else {
            "succeeded"
        };
        members.push(("status", json!(status)));
        if let Some(error) = self.error {
            members.push(("error", error.into()));
        }
        let members = members
            .into_iter()
            .map(|(name, value)| format!("\"{name}\":{value}"));
        (
            format!("{plugin}.{}", self.id),
            members.collect::<Vec<_>>().join(","),
        )
    }
}

fn set(map: &mut Map<String, Value>, name: &str, text: &str) {
    map.insert(name.to_owned(), tame(text, TEXT).into_owned().into());
}

/// No text longer than may be, no list or map with more entries, none deeper.
fn bounded(value: Value, depth: usize) -> Value {
    match value {
        Value::String(text) => tame(&text, TEXT).into_owned().into(),
        Value::Array(_) | Value::Object(_) if depth == 0 => "[cut]".into(),
        Value::Array(items) => {
            let items = items.into_iter().take(ENTRIES);
            items.map(|item| bounded(item, depth - 1)).collect()
        }
        Value::Object(map) => {
            let entries = map.into_iter().take(ENTRIES);
            let entries = entries
                .map(|(name, value)| (tame(&name, TEXT).into_owned(), bounded(value, depth - 1)));
            Value::Object(entries.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Principal;

    fn read(event: Event) -> (String, Value) {
        let (message, members) = event.written();
        let value = serde_json::from_str(&format!("{{{members}}}")).unwrap();
        (message, value)
    }

    #[test]
    fn an_event_has_the_fields_of_backstages() {
        let caller = Caller {
            request: "r-1".into(),
            principal: Principal::user("user:default/jane", vec![], None).unwrap(),
        };
        let event = Event::new("permission-denied")
            .plugin(&"todo".parse().unwrap())
            .severity(Severity::Medium)
            .caller(&caller)
            .client(Some("::ffff:10.0.0.1".parse().unwrap()), Some("curl/8"))
            .request("POST", "/api/todo/todos?token=secret")
            .meta("permission", "todo.item.create")
            .failed("the policy denies it");
        assert_eq!(
            read(event),
            (
                "todo.permission-denied".to_owned(),
                json!({
                    "isAuditEvent": true,
                    "plugin": "todo",
                    "eventId": "permission-denied",
                    "severityLevel": "medium",
                    "actor": { "actorId": "user:default/jane", "ip": "10.0.0.1", "userAgent": "curl/8" },
                    "request": { "id": "r-1", "url": "/api/todo/todos", "method": "POST" },
                    "meta": { "permission": "todo.item.create" },
                    "status": "failed",
                    "error": "the policy denies it",
                })
            )
        );
    }

    #[test]
    fn what_is_not_known_is_not_there() {
        assert_eq!(
            read(Event::new("start")),
            (
                "greenroom.start".to_owned(),
                json!({
                    "isAuditEvent": true,
                    "plugin": "greenroom",
                    "eventId": "start",
                    "severityLevel": "low",
                    "actor": { "actorId": "greenroom" },
                    "status": "succeeded",
                })
            )
        );
    }

    #[test]
    fn an_event_is_bounded_and_forges_nothing() {
        let long = "\u{202e}\n\",\"status\":\"succeeded".repeat(10_000);
        let deep = json!({ "a": { "b": { "c": { "d": 1 } } }, "many": vec![1; 100], "text": long });
        let names = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
        ];
        let event = Event::new("login-refused")
            .actor(&long)
            .client(None, Some(&long))
            .request(&long, &long)
            .meta("deep", deep)
            .failed(&long);
        let (_, value) = read(event.clone());
        assert_eq!(value["status"], "failed");
        assert_eq!(
            value["meta"]["deep"]["many"].as_array().unwrap().len(),
            ENTRIES
        );
        assert_eq!(value["meta"]["deep"]["a"]["b"]["c"], "[cut]");
        assert!(
            value.to_string().len() < (16 << 10),
            "{}",
            value.to_string().len()
        );
        assert!(!value.to_string().contains(['\u{202e}', '\n']));
        let many = names
            .into_iter()
            .fold(event, |event, name| event.meta(name, long.as_str()));
        let (_, value) = read(many);
        assert!(
            value["meta"]["cut"]
                .as_u64()
                .is_some_and(|bytes| bytes > META as u64)
        );
        assert!(
            value.to_string().len() < (16 << 10),
            "{}",
            value.to_string().len()
        );
    }

    #[test]
    fn an_event_may_cross_threads() {
        fn crosses<T: Send + 'static>(_: &T) {}
        crosses(&Event::new("deploy"));
    }
}
