//! How an abuse ends that does something many times: after all of them, or where the host stops it.

use std::fmt;

#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// Nothing does: 200, and the number that was asked for.
    Nothing,
    /// What it passes, so that the host ends the guest: 502.
    Trap(&'static str),
    /// `limits.timeout`: 504.
    Time,
    /// After so many the host refuses the next, and why: 200, and this number.
    Refused(u64, &'static str),
}

/// What an abuse is asked to do many times, and all that may stop it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    pub(super) asked: u64,
    pub(super) stops: &'static [Stop],
}

impl Turns {
    /// An error: the answer tells of none of the stops.
    pub(super) fn check(self, status: u16, body: &str) -> Result<(), String> {
        if self.stops.iter().any(|stop| self.is(*stop, status, body)) {
            return Ok(());
        }
        let stops: Vec<_> = self.stops.iter().map(Stop::to_string).collect();
        Err(format!(
            "{status} {body:?} of {}, not {}",
            self.asked,
            stops.join(" or ")
        ))
    }

    fn is(self, stop: Stop, status: u16, body: &str) -> bool {
        let count = body.parse::<u64>().ok();
        match stop {
            Stop::Nothing => status == 200 && count.is_some_and(|count| count >= self.asked),
            // As the host says it: 502 is also what it makes of an answer that is none.
            Stop::Trap(_) => status == 502 && body.contains("The plugin failed"),
            Stop::Time => status == 504,
            Stop::Refused(most, _) => status == 200 && count == Some(most),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("all of them"),
            Self::Trap(what) => write!(f, "a trap at {what}"),
            Self::Time => f.write_str("limits.timeout"),
            Self::Refused(most, why) => write!(f, "{most} for {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Stop, Turns};

    #[test]
    fn an_answer_tells_of_a_stop_or_is_wrong() {
        const ANY: &[Stop] = &[Stop::Nothing, Stop::Time];
        const CAPS: &[Stop] = &[Stop::Trap("handles"), Stop::Refused(4, "a limit")];
        let failed = r#"{"error":{"name":"BadGatewayError","message":"The plugin failed"}}"#;
        let of = |stops, status, body| Turns { asked: 9, stops }.check(status, body);
        assert_eq!(of(ANY, 200, "9"), Ok(()));
        assert_eq!(of(ANY, 504, ""), Ok(()));
        assert_eq!(of(CAPS, 502, failed), Ok(()));
        assert_eq!(of(CAPS, 200, "4"), Ok(()));
        for (stops, status, body) in [
            (ANY, 200, "8"),
            (ANY, 200, "Ok(())"),
            (ANY, 502, failed),
            (CAPS, 200, "9"),
            (CAPS, 200, "3"),
            (CAPS, 502, "no valid answer"),
            (CAPS, 504, ""),
            (CAPS, 0, ""),
        ] {
            assert!(of(stops, status, body).is_err(), "{status} {body}");
        }
        let why = of(CAPS, 200, "3").unwrap_err();
        assert_eq!(
            why,
            "200 \"3\" of 9, not a trap at handles or 4 for a limit"
        );
    }
}
