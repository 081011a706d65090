//! What many deploys leave behind in the process: nothing that grows.

use super::{version, versioned};
use greenroom_tests::{Host, Setup, chameleon};
use serde_json::json;
use std::fs;

/// Of the host's process, from /proc.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    threads: usize,
    /// Mappings of compiled code.
    code: usize,
    /// Resident memory, KiB.
    resident: usize,
}

impl Held {
    fn by(host: &Host) -> Self {
        let process = format!("/proc/{}", host.pid());
        let count = |what: &str| {
            fs::read_dir(format!("{process}/{what}"))
                .expect("a process")
                .count()
        };
        let maps = fs::read_to_string(format!("{process}/maps")).expect("a process");
        let status = fs::read_to_string(format!("{process}/status")).expect("a process");
        let resident = status.lines().find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        });
        Self {
            descriptors: count("fd"),
            threads: count("task"),
            code: maps.lines().filter(|line| line.contains(".cwasm")).count(),
            resident: resident.expect("its memory"),
        }
    }

    /// Waits until no more than this is held: what a build held goes when its last instance has ended.
    fn is_again(host: &Host, before: &Self) {
        host.wait_until("what the old builds held is free", |host| {
            let now = Self::by(host);
            now.descriptors <= before.descriptors + 8
                && now.threads <= before.threads + 4
                && now.code <= before.code + 8
                && now.resident <= before.resident + (96 << 10)
        });
    }
}

#[test]
fn a_hundred_swaps_hold_no_more_than_one() {
    let builds = ["a", "b"].map(|v| chameleon(&format!("version={v};migrations=base;")));
    let host = Setup::durable().start();
    for n in 0..4 {
        host.deploy("c", &builds[n % 2]).unwrap();
    }
    version(&host, "c");
    let before = Held::by(&host);
    let fifty = || {
        for build in builds.iter().cycle().take(50) {
            host.deploy("c", build).unwrap();
            assert_eq!(host.post("/api/c/rows", &json!({})).status, 201);
        }
    };
    fifty();
    Held::is_again(&host, &before);
    let half = Held::by(&host);
    fifty();
    Held::is_again(&host, &before);
    // What a swap kept of the engine's slots, when it did, was 11 MiB in fifty.
    host.wait_until("the second fifty need no more memory", |host| {
        Held::by(host).resident <= half.resident + (8 << 10)
    });
    assert_eq!(host.get("/api/c/rows").json()["parents"], 100);
}

#[test]
fn plugins_that_come_and_go_hold_nothing() {
    let build = chameleon("version=a;migrations=base;");
    let host = Setup::durable().start();
    let turn = |n: usize| {
        let id = format!("c{}", n % 3);
        host.deploy(&id, &build).unwrap();
        assert_eq!(
            host.post(&format!("/api/{id}/rows"), &json!({})).status,
            201
        );
        host.ask(&["remove", &id]);
    };
    (0..3).for_each(turn);
    let before = Held::by(&host);
    (0..60).for_each(turn);
    Held::is_again(&host, &before);
}

#[test]
fn refused_builds_hold_nothing() {
    let host = Setup::new().plugin("c", &versioned("old")).start();
    let turn = |n: usize| {
        let spec = [
            "start=fail",
            "start=trap",
            "describe=trap",
            "describe=badid",
        ][n % 4];
        let build = chameleon(&format!("{spec};"));
        host.deploy("c", &build).unwrap_err();
        host.deploy("fresh", &build).unwrap_err();
    };
    (0..8).for_each(turn);
    let before = Held::by(&host);
    (0..40).for_each(turn);
    Held::is_again(&host, &before);
    assert_eq!(version(&host, "c"), "old");
}
