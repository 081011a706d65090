use super::*;

fn levels(log_level: Option<&str>, greenroom_log: Option<&str>) -> Result<(String, &'static str)> {
    let logger = Logger {
        levels: "warn,plugin::todo=debug".parse()?,
        ..Logger::default()
    };
    let start = Start {
        logger: &logger,
        auditor: &Auditor::default(),
        log_level,
        greenroom_log,
        json: false,
        terminal: false,
        colours: false,
    };
    levels_of(&start).map(|(levels, source)| (levels.to_string(), source))
}

#[test]
fn the_environment_comes_before_the_configuration() {
    for (log_level, greenroom_log, expected) in [
        (None, None, ("warn,plugin::todo=debug", "backend.logger")),
        (
            Some(""),
            Some(" "),
            ("warn,plugin::todo=debug", "backend.logger"),
        ),
        // As in Backstage: a level for all, and the overrides stay.
        (
            Some("ERROR"),
            None,
            ("error,plugin::todo=debug", "LOG_LEVEL"),
        ),
        (
            Some("silly"),
            None,
            ("trace,plugin::todo=debug", "LOG_LEVEL"),
        ),
        (
            Some("error"),
            Some("info,plugin=trace"),
            ("info,plugin=trace", "GREENROOM_LOG"),
        ),
    ] {
        let (levels, source) = levels(log_level, greenroom_log).unwrap();
        assert_eq!(
            (levels.as_str(), source),
            expected,
            "{log_level:?} {greenroom_log:?}"
        );
    }
}

#[test]
fn a_level_that_is_none_is_an_error_with_its_variable() {
    let error = levels(Some("loud"), None).unwrap_err().to_string();
    assert!(
        error.contains("LOG_LEVEL is \"loud\"") && error.contains("debug"),
        "{error}"
    );
    let error = format!("{:#}", levels(None, Some("plugin=loud")).unwrap_err());
    assert!(
        error.contains("GREENROOM_LOG") && error.contains("`loud`"),
        "{error}"
    );
}

#[test]
fn without_a_log_nothing_is_recorded_and_nothing_fails() {
    audit(Severity::Critical, "todo.deploy", "\"plugin\":\"todo\"");
    assert_eq!(lost(), (0, 0));
}
