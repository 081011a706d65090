//! What a scenario has to tell.

use serde::Serialize;
use serde_json::Value;

/// The outcome of one scenario.
#[derive(Default)]
pub(crate) struct Part {
    pub(super) rows: Vec<Row>,
    /// Sentences below the table.
    pub(super) notes: Vec<String>,
    /// Everything that was measured.
    pub(super) raw: Value,
}

/// One line of the table.
#[derive(Serialize)]
pub(super) struct Row {
    what: String,
    /// Empty: there is none.
    target: String,
    measured: String,
    reached: Option<bool>,
}

impl Row {
    /// A figure that has to be below its target.
    pub(super) fn below(what: &str, target: f64, measured: f64, unit: &str) -> Self {
        Self {
            what: what.into(),
            target: format!("< {target} {unit}"),
            measured: format!("{} {unit}", figure(measured)),
            reached: Some(measured < target),
        }
    }

    /// A yes or no that is explained in `measured`.
    pub(super) fn judged(what: &str, target: &str, measured: &str, reached: bool) -> Self {
        Self {
            what: what.into(),
            target: target.into(),
            measured: measured.into(),
            reached: Some(reached),
        }
    }

    /// A figure without a target.
    pub(super) fn told(what: &str, measured: &str) -> Self {
        Self {
            what: what.into(),
            target: String::new(),
            measured: measured.into(),
            reached: None,
        }
    }

    /// A scenario that could not be carried out.
    pub(super) fn failed(what: &str, error: &anyhow::Error) -> Self {
        let first = format!("{error:#}");
        let first = first.lines().next().unwrap_or_default().replace('|', "/");
        Self::judged(what, "carried out", &first, false)
    }

    fn verdict(&self) -> &'static str {
        match self.reached {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        }
    }

    pub(super) fn markdown(&self) -> String {
        let cells = [&self.what, &self.target, &self.measured, self.verdict()];
        let row: String = cells
            .iter()
            .map(|cell| match cell.is_empty() {
                true => "| ".to_owned(),
                false => format!("| {cell} "),
            })
            .collect();
        format!("{row}|\n")
    }

    /// For whoever watches the run.
    pub(super) fn line(&self) -> String {
        let Self {
            what,
            target,
            measured,
            ..
        } = self;
        match self.reached {
            Some(reached) => {
                let verdict = if reached { "reached" } else { "MISSED" };
                format!("{what}: {measured} ({verdict}: {target})")
            }
            None => format!("{what}: {measured}"),
        }
    }
}

/// Three or four digits: more would not repeat.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_or_four_digits() {
        let told = [1234.6, 100.0, 99.96, 25.04, 9.999, 2.118, 0.0].map(figure);
        assert_eq!(told, ["1235", "100", "100", "25.0", "10.0", "2.12", "0.00"]);
    }

    #[test]
    fn a_target_is_missed_when_it_is_just_met() {
        assert_eq!(Row::below("x", 40.0, 40.0, "MB").verdict(), "no");
        assert_eq!(Row::below("x", 40.0, 39.9, "MB").verdict(), "yes");
        assert_eq!(Row::told("x", "1 ms").markdown(), "| x | | 1 ms | |\n");
    }

    #[test]
    fn an_error_of_many_lines_fits_into_a_cell() {
        let error = anyhow::anyhow!("a | b\nits log:\nmore");
        assert_eq!(
            Row::failed("swap", &error).markdown(),
            "| swap | carried out | a / b | no |\n"
        );
    }
}
