//! What was wanted and what came, a line each.

use greenroom_tests::Response;
use serde_json::Value;
use std::fmt;

#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<String>,
    good: usize,
    bad: usize,
}

impl Report {
    pub(crate) fn part(&mut self, name: &str) {
        self.lines.push(format!("{name}:"));
    }

    pub(crate) fn says(&mut self, line: &str) {
        self.lines.push(format!("        {line}"));
    }

    pub(crate) fn wants(&mut self, what: &str, wanted: &str, got: &str) {
        if wanted == got {
            self.lines.push(format!("  good  {what}: {got}"));
        }
        self.wants_quietly(what, wanted, got);
    }

    /// As [`Self::wants`], of which there are too many for a line each.
    pub(crate) fn wants_quietly(&mut self, what: &str, wanted: &str, got: &str) {
        if wanted == got {
            self.good += 1;
        } else {
            self.bad += 1;
            self.lines
                .push(format!("  BAD   {what}: {got}, and not {wanted}"));
        }
    }

    /// Of what is secret, or long.
    pub(crate) fn wants_same(&mut self, what: &str, wanted: &str, got: &str) {
        let got = if wanted == got {
            "as wanted"
        } else {
            "another"
        };
        self.wants(what, "as wanted", got);
    }

    pub(crate) fn is_good(&self) -> bool {
        self.bad == 0 && self.good > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        write!(f, "backstage-check: {} good, {} bad", self.good, self.bad)
    }
}

/// Whom the plugin was told of, or the status and the message.
pub(crate) fn seen(answer: &Response) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status {
        200 => told(&body),
        status => {
            let message = body["error"]["message"].as_str().unwrap_or_default();
            format!("{status} {message}")
        }
    }
}

/// The host's headers in what the fixture's `/echo` answers: `user:default/jane by plugin:caller`.
pub(crate) fn told(echo: &Value) -> String {
    let header = |name: &str| {
        let mut headers = echo["headers"].as_array().into_iter().flatten();
        headers.find(|pair| pair[0] == name).map(|pair| &pair[1])
    };
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let principal = header("x-greenroom-principal").map_or("nothing".into(), text);
    match header("x-greenroom-actor") {
        Some(actor) => format!("{principal} by {}", text(actor)),
        None => principal,
    }
}

/// The same of Backstage's principal, as its plugin `caller` tells it.
pub(crate) fn seen_by_backstage(answer: &Response) -> String {
    let principal = answer.json();
    let name = |principal: &Value| {
        let name = ["userEntityRef", "subject"]
            .iter()
            .find_map(|key| principal[key].as_str());
        name.unwrap_or("?").to_owned()
    };
    match principal.get("actor") {
        Some(actor) => format!("{} by {}", name(&principal), name(actor)),
        None => name(&principal),
    }
}
