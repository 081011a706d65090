//! What a reader types, page by page, and what comes out.

use super::{
    checked::{check, put},
    example::built,
    first, lines, shell, steps,
};
use crate::readme::shown::blocks;
use greenroom_tests::{Host, Setup, todo};
use std::time::{Duration, Instant};

/// How often something that must not take long is tried anew, on a machine that stalls.
const TURNS: usize = 5;

#[test]
fn callers_are_told_apart() {
    const PAGE: &str = "docs/auth.md";
    // The page makes one by chance, and gives it to both terminals.
    let variable = ("CI_TOKEN", "a-token-for-this-test");
    let host = Setup::new()
        .config(&first(PAGE, "yaml"))
        .plugin("hello", &built(PAGE))
        .variable(variable.0, variable.1)
        .start();
    let steps = steps(PAGE);
    assert_eq!(steps.len(), 3);
    for (typed, output) in steps {
        let printed = shell(&host, &typed, &[variable]);
        assert_eq!(lines(&printed), lines(&output), "{typed}");
    }
}

#[test]
fn a_plugin_reads_its_section_and_a_schema_guards_it() {
    const PAGE: &str = "docs/config.md";
    let (yaml, component) = (first(PAGE, "yaml"), built(PAGE));
    let setup = Setup::new().config(&yaml).plugin("mirror", &component);
    put(setup.folder(), "secrets/mirror-token", b"a-token\n");
    let host = setup.start();
    let steps = steps(PAGE);
    assert_eq!(steps.len(), 1);
    for (typed, output) in steps {
        let printed = shell(&host, &typed, &[]);
        assert_eq!(lines(&printed), lines(&output), "{typed}");
    }

    // "With `retries: 0` in the file": the page's last output.
    let misfit = yaml.replace("${MIRROR_RETRIES:-3}", "0");
    assert_ne!(misfit, yaml);
    let (code, out, err) = check(&misfit, &[("mirror", component)]);
    assert_eq!(code, 1, "{out}{err}");
    let mut texts = blocks(PAGE).into_iter().rev();
    let (_, shown) = texts.find(|(language, _)| language == "text").unwrap();
    assert!(out.lines().any(|line| line == shown.trim_end()), "{out}");
}

#[test]
fn a_forecast_lives_for_five_seconds() {
    const PAGE: &str = "docs/keyvalue.md";
    let (yaml, component) = (first(PAGE, "yaml"), built(PAGE));
    let steps = steps(PAGE);
    let [(typed, output)] = &steps[..] else {
        panic!("{steps:?}");
    };
    let (twice, later) = typed.split_once("sleep 5\n").expect("it waits");
    let start = || {
        Setup::new()
            .config(&yaml)
            .plugin("weather", &component)
            .start()
    };
    // The second one has to come while the first one's forecast is there.
    let most = Duration::from_secs(4);
    let (host, mut printed) = within(most, start, |host| shell(host, twice, &[]));
    printed += &shell(&host, &format!("sleep 5\n{later}"), &[]);
    assert_eq!(lines(&printed), lines(output));
}

#[test]
fn the_fourth_request_is_one_too_many() {
    const PAGE: &str = "docs/rate-limit.md";
    let yaml = first(PAGE, "yaml");
    let steps = steps(PAGE);
    let [(typed, output)] = &steps[..] else {
        panic!("{steps:?}");
    };
    let start = || Setup::new().config(&yaml).plugin("todo", &todo()).start();
    // All of them have to come within one window of 10 s.
    let most = Duration::from_secs(9);
    let (_host, printed) = within(most, start, |host| shell(host, typed, &[]));
    assert_eq!(without_waits(&printed), without_waits(output));
}

/// The lines, with the seconds that are left of the window named: by the clock they are 10 or fewer.
fn without_waits(output: &str) -> Vec<String> {
    let left = |text: &str| {
        text.parse::<u64>()
            .is_ok_and(|left| (1..=10).contains(&left))
    };
    let lines = lines(output).into_iter();
    lines
        .map(|line| match line.split_once(": ") {
            Some((name @ ("retry-after" | "ratelimit-reset"), value)) if left(value) => {
                format!("{name}: 1 to 10")
            }
            _ => line.to_owned(),
        })
        .collect()
}

/// A fresh host, and its answer. Where the machine took longer than `most` for that, another host is asked.
fn within(
    most: Duration,
    start: impl Fn() -> Host,
    ask: impl Fn(&Host) -> String,
) -> (Host, String) {
    for _ in 0..TURNS {
        let host = start();
        let begun = Instant::now();
        let answer = ask(&host);
        if begun.elapsed() <= most {
            return (host, answer);
        }
    }
    panic!("this machine took longer than {most:?}, {TURNS} times");
}
