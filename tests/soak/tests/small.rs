//! Each section once, at the scale of a test.

use greenroom_soak::{Run, SECTIONS};

#[track_caller]
fn holds(name: &'static str) {
    let section = SECTIONS.iter().find(|section| section.name == name);
    let section = section.expect("a section of this name");
    let rows = (section.run)(&mut Run::small(name)).unwrap_or_else(|e| panic!("{e:#}"));
    assert!(!rows.is_empty(), "{name} found nothing at all");
    for row in rows {
        assert!(row.reached, "{row:#?}");
    }
}

#[test]
fn crash() {
    holds("crash");
}

#[test]
fn swap() {
    holds("swap");
}

#[test]
fn disk() {
    holds("disk");
}

#[test]
fn cwasm() {
    holds("cwasm");
}

#[test]
fn neighbours() {
    holds("neighbours");
}

#[test]
fn hostile_sql() {
    holds("hostile-sql");
}

#[test]
fn host_calls() {
    holds("host-calls");
}

#[test]
fn fuzz() {
    holds("fuzz");
}

#[test]
fn mutants() {
    holds("mutants");
}

#[test]
fn slow_clients() {
    holds("slow-clients");
}

#[test]
fn churn() {
    holds("churn");
}

#[test]
fn smuggling() {
    holds("smuggling");
}

#[test]
fn schemathesis() {
    holds("schemathesis");
}

#[test]
fn supply() {
    holds("supply");
}

#[test]
fn long() {
    holds("long");
}

#[test]
fn power_cut() {
    holds("power-cut");
}
