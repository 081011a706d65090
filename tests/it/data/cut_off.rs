//! A kill or a stop in the middle of a migration, and a build that fails after it, with and without clients that write.

use super::*;
use greenroom_tests::{Connection, Request};
use rustix::process::Signal;
use sha2::Digest;
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
};

/// Bytes in the write-ahead log from which on the migration is surely under way.
const UNDER_WAY: u64 = 4 << 20;

fn started() -> Host {
    let config = format!("{DURABLE}\nplugins: {{chameleon: {{limits: {{holdTimeout: 60s}}}}}}");
    let host = Setup::new()
        .config(&config)
        .plugin("chameleon", &build("v1", "base"))
        .start();
    for _ in 0..3 {
        assert_eq!(
            host.request("POST", "/api/chameleon/rows?child=1")
                .send()
                .status,
            201
        );
    }
    host
}

fn wait_until_under_way(host: &Host) {
    let log = host.folder().join("db/chameleon.sqlite-wal");
    host.wait_until("the migration is under way", |_| {
        std::fs::metadata(&log).is_ok_and(|m| m.len() > UNDER_WAY)
    });
}

#[test]
fn an_uploaded_build_that_was_cut_off_leaves_the_old_one_and_its_data() {
    let host = started();
    thread::scope(|scope| {
        std::fs::write(
            host.folder().join("new.wasm"),
            build("v2", "base,slow-exclusive"),
        )
        .unwrap();
        let deploy =
            scope.spawn(|| host.command(&["deploy", "new.wasm", "--as", "chameleon", "--json"]));
        wait_until_under_way(&host);
        assert!(copy_of(&host).exists() && !deploy.is_finished());
        host.signal(Signal::KILL);
        let output = deploy.join().unwrap();
        assert!(!output.status.success(), "nobody answered the deploy");
    });
    let host = host.crash();
    assert_eq!(version(&host), "v1");
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 3, "children": 3})
    );
    assert_eq!(
        rows(
            &host,
            "SELECT count(*) FROM sqlite_schema WHERE name = 'slow_exclusive'"
        ),
        json!([[0]])
    );
    assert!(!copy_of(&host).exists());
    assert_eq!(
        host.request("POST", "/api/chameleon/rows?child=1")
            .send()
            .status,
        201
    );
    let host = host.restart();
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 4, "children": 4})
    );
}

#[test]
fn a_build_in_the_folder_that_was_cut_off_is_migrated_at_the_next_start() {
    let host = started();
    host.drop_in("chameleon", &build("v2", "base,slow-exclusive"));
    wait_until_under_way(&host);
    let host = host.crash();
    assert_eq!(version(&host), "v2");
    assert_eq!(
        host.get("/api/chameleon/rows").json(),
        json!({"parents": 3, "children": 3})
    );
    assert_eq!(
        rows(&host, "SELECT count(*) FROM slow_exclusive"),
        json!([[2_000_000]])
    );
    assert!(!copy_of(&host).exists());
    let folder = host.stop_and_keep();
    assert_eq!(remembered(folder.path()).len(), 2);
}

/// What clients wrote: a parent with one child each.
#[derive(Default)]
struct Written {
    acknowledged: AtomicU64,
    /// Without an answer, or with another one.
    open: AtomicU64,
    done: AtomicBool,
}

impl Written {
    /// Until it is done, or its connection breaks.
    fn write(&self, address: SocketAddr) {
        let mut connection = Connection::open(address);
        while !self.done.load(SeqCst) {
            let post = Request::new(address, "POST", "/api/chameleon/rows?child=1");
            match connection.send(post) {
                Ok(answer) if answer.status == 201 => self.acknowledged.fetch_add(1, SeqCst),
                Ok(_) | Err(_) => {
                    self.open.fetch_add(1, SeqCst);
                    return;
                }
            };
        }
    }

    /// `work`, while four clients write.
    fn during(&self, host: &mut Host, work: impl FnOnce(&mut Host)) {
        let address = host.address();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| self.write(address));
            }
            // Ends the clients when `work` panics, too.
            let _end = End(&self.done);
            host.wait_until("some are written", |_| self.acknowledged.load(SeqCst) >= 50);
            work(host);
        });
    }

    /// All that was acknowledged is there, and of the rest whole families at most.
    fn is_there(&self, host: &Host) {
        let counts = host.get("/api/chameleon/rows").json();
        let parents = counts["parents"].as_u64().unwrap();
        let least = 3 + self.acknowledged.load(SeqCst);
        let most = least + self.open.load(SeqCst);
        assert!(
            (least..=most).contains(&parents),
            "{parents} of {least} to {most}"
        );
        assert_eq!(counts["children"], parents);
        let strays = "SELECT count(*) FROM child WHERE parent_id NOT IN (SELECT id FROM parent)";
        assert_eq!(rows(host, strays), json!([[0]]));
    }
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn id_of(component: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(component))
}

/// The next start has the file in the folder before it: it migrates what was put back, or serves what was done.
#[test]
fn a_build_in_the_folder_that_ends_with_its_host_loses_no_write() {
    for signal in [Signal::KILL, Signal::TERM] {
        let mut host = started();
        let written = Written::default();
        written.during(&mut host, |host| {
            host.drop_in("chameleon", &build("v2", "base,slow-exclusive"));
            wait_until_under_way(host);
            assert!(copy_of(host).exists());
            host.signal(signal);
            let status = host.wait();
            if signal == Signal::TERM {
                assert_eq!(status.code(), Some(0), "{}", host.log());
            }
        });
        assert!(written.open.load(SeqCst) <= 4);
        let host = host.revive();
        host.wait_until("the plugin serves", |host| {
            host.get("/api/chameleon/version").status == 200
        });
        assert_eq!(version(&host), "v2", "{signal:?}");
        written.is_there(&host);
        assert_eq!(
            rows(&host, "SELECT count(*) FROM slow_exclusive"),
            json!([[2_000_000]])
        );
        assert!(!copy_of(&host).exists());
        let folder = host.stop_and_keep();
        assert_eq!(remembered(folder.path()).len(), 2);
    }
}

#[test]
fn a_build_that_fails_after_its_migration_loses_no_write() {
    let config = format!("{DURABLE}\nplugins: {{chameleon: {{probe: /ready}}}}");
    let mut host = Setup::new()
        .config(&config)
        .plugin("chameleon", &build("v1", "base"))
        .start();
    for _ in 0..3 {
        let post = host.request("POST", "/api/chameleon/rows?child=1");
        assert_eq!(post.send().status, 201);
    }
    let before = schema(&host);
    let written = Written::default();
    written.during(&mut host, |host| {
        for (number, (more, stage)) in [
            ("ready=fail;", "probe"),
            ("start=fail;", "start"),
            ("start=trap;", "start"),
        ]
        .into_iter()
        .enumerate()
        {
            let refused = chameleon(&format!(
                "answer=v2;version={number};migrations=base,cascade;{more}"
            ));
            host.drop_in("chameleon", &refused);
            host.wait_until("it is refused", |host| {
                let problem = &host.plugin("chameleon")["problem"];
                problem["stage"] == stage && problem["build"] == *id_of(&refused)
            });
            assert_eq!(version(host), "v1");
            // Writes go on on the old data.
            let so_far = written.acknowledged.load(SeqCst);
            host.wait_until("more is written", |_| {
                written.acknowledged.load(SeqCst) > so_far + 20
            });
        }
    });
    assert_eq!(written.open.load(SeqCst), 0, "no request failed");
    written.is_there(&host);
    assert_eq!(schema(&host), before);
    assert!(!copy_of(&host).exists());
    assert_eq!(version(&host), "v1");
}
