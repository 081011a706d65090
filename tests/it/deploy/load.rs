//! Builds change while clients are at work.

use super::{version, versioned, wait_for_refusal, wait_for_version};
use greenroom_tests::{Connection, Host, Request, Setup, chameleon, pause, todo, variant};
use serde_json::json;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

const CHANGES: usize = 22;

#[test]
fn every_answer_is_right_while_builds_change_twenty_times() {
    let host = Setup::durable()
        .plugin("c", &versioned("v0"))
        .plugin("todo", &todo())
        .start();
    let timeline = Timeline::new("v0");
    let done = AtomicBool::new(false);
    let (answers, created) = thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| ask_for_versions(&host, &done)))
            .collect();
        let writers: Vec<_> = (0..2)
            .map(|n| {
                let (host, done) = (&host, &done);
                scope.spawn(move || write_todos(host, done, n))
            })
            .collect();
        change_builds(&host, &timeline);
        done.store(true, Relaxed);
        let answers: Vec<Seen> = readers
            .into_iter()
            .flat_map(|r| r.join().expect("a reader"))
            .collect();
        let created: usize = writers
            .into_iter()
            .map(|w| w.join().expect("a writer"))
            .sum();
        (answers, created)
    });

    assert!(
        answers.len() > CHANGES && created > CHANGES,
        "the clients had no time"
    );
    for seen in &answers {
        timeline.check(seen);
    }
    let last = format!("v{CHANGES}");
    for _ in 0..20 {
        assert_eq!(version(&host, "c"), last);
    }
    for id in ["c", "todo"] {
        let plugin = host.plugin(id);
        assert_eq!(plugin["errors"], 0, "{plugin}");
        assert!(plugin["requests"].as_u64().unwrap() > 0, "{plugin}");
    }
    let folder = host.stop_and_keep();
    let database = rusqlite::Connection::open(folder.path().join("db/todo.sqlite")).unwrap();
    let stored: i64 = database
        .query_row("SELECT count(*) FROM todos", [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        usize::try_from(stored),
        Ok(created),
        "every todo that was acknowledged, and no other"
    );
}

/// By both doors, two broken ones and a rollback among them, and every other time the todo plugin as well.
fn change_builds(host: &Host, timeline: &Timeline) {
    for n in 1..=CHANGES {
        let next = format!("v{n}");
        match n {
            6 => {
                let broken = chameleon("version=v6;start=trap;");
                host.deploy("c", &broken).expect_err("it traps");
            }
            13 => {
                let broken = chameleon("version=v13;start=fail;");
                host.drop_in("c", &broken);
                wait_for_refusal(host, "c", &broken);
            }
            17 => {
                // What served before v16 is v15.
                timeline.comes("v15");
                host.ask(&["rollback", "c"]);
                timeline.is_live("v15");
            }
            _ if n % 2 == 0 => {
                timeline.comes(&next);
                host.deploy("c", &versioned(&next)).expect("a good build");
                timeline.is_live(&next);
            }
            _ => {
                timeline.comes(&next);
                host.drop_in("c", &versioned(&next));
                wait_for_version(host, "c", &next);
                timeline.is_live(&next);
            }
        }
        if n % 2 == 0 {
            host.deploy("todo", &variant(&todo(), &format!("under load {n}")))
                .expect("a good build");
        }
    }
}

/// One answer: between which moments it came, and what it was.
struct Seen {
    asked: Instant,
    answered: Instant,
    version: String,
}

fn ask_for_versions(host: &Host, done: &AtomicBool) -> Vec<Seen> {
    let mut connection = Connection::open(host.address());
    let mut seen = Vec::new();
    while !done.load(Relaxed) {
        pause();
        let asked = Instant::now();
        let answer = connection
            .send(Request::new(host.address(), "GET", "/api/c/version"))
            .expect("no request is dropped");
        assert_eq!(answer.status, 200, "{}", answer.text());
        seen.push(Seen {
            asked,
            answered: Instant::now(),
            version: answer.text(),
        });
    }
    seen
}

/// Creates todos and reads each back; how many.
fn write_todos(host: &Host, done: &AtomicBool, client: usize) -> usize {
    let mut connection = Connection::open(host.address());
    let mut created = 0;
    while !done.load(Relaxed) {
        pause();
        let title = format!("todo {created} of client {client}");
        let post = Request::new(host.address(), "POST", "/api/todo/todos");
        let answer = connection
            .send(post.json(&json!({ "title": title })))
            .expect("no request is dropped");
        assert_eq!(answer.status, 201, "{}", answer.text());
        created += 1;
        let location = answer.header("location").expect("a place");
        let answer = connection
            .send(Request::new(host.address(), "GET", &location))
            .expect("no request is dropped");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["title"], *title);
    }
    created
}

/// Which version may have answered when.
struct Timeline(Mutex<Vec<Window>>);

struct Window {
    version: String,
    /// Not live before.
    from: Instant,
    /// Not live after.
    until: Option<Instant>,
}

impl Timeline {
    fn new(version: &str) -> Self {
        let timeline = Self(Mutex::default());
        timeline.comes(version);
        timeline
    }

    /// From now on it may answer.
    fn comes(&self, version: &str) {
        self.0.lock().expect("the timeline").push(Window {
            version: version.into(),
            from: Instant::now(),
            until: None,
        });
    }

    /// From now on no other answers.
    fn is_live(&self, version: &str) {
        let mut windows = self.0.lock().expect("the timeline");
        for window in windows.iter_mut().filter(|w| w.version != version) {
            window.until.get_or_insert_with(Instant::now);
        }
    }

    fn check(&self, seen: &Seen) {
        let windows = self.0.lock().expect("the timeline");
        let fits = |w: &Window| {
            w.version == seen.version
                && w.from <= seen.answered
                && w.until.is_none_or(|until| until >= seen.asked)
        };
        assert!(
            windows.iter().any(fits),
            "{} answered when it was not live",
            seen.version
        );
    }
}
