//! A host without file descriptors goes on once it has some again.

use super::host;
use greenroom_tests::{Setup, Wire, binary, chameleon};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn clients_wait_while_there_are_no_descriptors_and_are_served_later() {
    let host = host();
    let pid = i32::try_from(host.pid()).ok().and_then(Pid::from_raw);
    let open = || {
        fs::read_dir(format!("/proc/{}/fd", host.pid()))
            .unwrap()
            .count() as u64
    };
    // The limit is on the highest number, so that holes below it may still be filled.
    let highest = fs::read_dir(format!("/proc/{}/fd", host.pid()))
        .unwrap()
        .filter_map(|fd| fd.ok()?.file_name().to_str()?.parse::<u64>().ok())
        .max()
        .unwrap();
    // The host's own, too: it was inherited.
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(
        pid,
        Resource::Nofile,
        Rlimit {
            current: Some(highest + 1),
            maximum,
        },
    )
    .unwrap();
    let holes = highest + 1 - open();
    let request = "GET /.backstage/health/v1/liveness HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut served: Vec<Wire> = (0..holes).map(|_| Wire::open(host.address())).collect();
    for wire in &mut served {
        wire.send(request);
        assert_eq!(wire.answer().status(), 200);
    }
    let mut waiting: Vec<Wire> = (0..5).map(|_| Wire::open(host.address())).collect();
    for wire in &mut waiting {
        wire.send(request);
    }
    // It says so, and does not spin: a busy loop would fill the log.
    host.wait_for_log(&["accept"]);
    assert!(
        host.log()
            .lines()
            .filter(|line| line.contains("accept"))
            .count()
            < 100
    );
    // Those it has are served on.
    if let Some(wire) = served.first_mut() {
        wire.send(request);
        assert_eq!(wire.answer().status(), 200);
    }
    prlimit(
        pid,
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    )
    .unwrap();
    for wire in &mut waiting {
        assert_eq!(wire.answer().status(), 200);
    }
    assert_eq!(host.get("/api/chameleon/version").status, 200);
}

#[test]
fn a_low_soft_limit_is_raised_to_the_hard_one() {
    let setup = Setup::new().plugin("chameleon", &chameleon(""));
    let script = setup.folder().join("limited");
    let text = format!(
        "#!/bin/sh\nulimit -Sn 300\nexec {} \"$@\"\n",
        binary().display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let host = setup.binary(&script).start();
    let request = "GET /api/chameleon/version HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut clients: Vec<Wire> = (0..400).map(|_| Wire::open(host.address())).collect();
    for wire in &mut clients {
        wire.send(request);
        assert_eq!(wire.answer().status(), 200);
    }
}
