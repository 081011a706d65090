//! Clients that write until the host is gone, and remember what was acknowledged.

use super::ledger::{GROUP, Ledger};
use greenroom_tests::{Connection, Request, Response};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What a client writes.
#[derive(Clone, Copy)]
enum Writes {
    Todos,
    /// Groups of rows of this plugin, by turns in one `batch` and in a transaction of several calls.
    Groups(&'static str),
    Increments,
}

const CLIENTS: [Writes; 6] = [
    Writes::Todos,
    Writes::Todos,
    Writes::Groups("rows"),
    Writes::Groups("rows"),
    Writes::Groups("steps"),
    Writes::Increments,
];

pub(super) struct Writers {
    clients: Vec<JoinHandle<Ledger>>,
    acknowledged: Arc<AtomicU64>,
}

impl Writers {
    pub(super) fn start(address: SocketAddr) -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let acknowledged = Arc::<AtomicU64>::default();
        let clients = CLIENTS
            .into_iter()
            .map(|writes| {
                let acknowledged = acknowledged.clone();
                thread::spawn(move || write(address, writes, &acknowledged, &NAMES))
            })
            .collect();
        Self {
            clients,
            acknowledged,
        }
    }

    pub(super) fn wait_for(&self, writes: u64) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.acknowledged.load(Ordering::SeqCst) < writes {
            let running = self.clients.iter().any(|client| !client.is_finished());
            assert!(
                running && Instant::now() < until,
                "the clients do not write"
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// When the host is gone.
    pub(super) fn end(self) -> Ledger {
        let mut all = Ledger::default();
        for client in self.clients {
            let mut ledger = client.join().expect("a client does not panic");
            all.refused.append(&mut ledger.refused);
            all.add(ledger);
        }
        all
    }
}

fn write(
    address: SocketAddr,
    writes: Writes,
    acknowledged: &AtomicU64,
    names: &AtomicU64,
) -> Ledger {
    let mut ledger = Ledger::default();
    let mut connection = Connection::open(address);
    loop {
        let number = names.fetch_add(1, Ordering::SeqCst);
        let name = format!("w{number}");
        let Ok(answer) = connection.send(request(address, writes, &name, number)) else {
            return ledger;
        };
        match taken(writes, &answer) {
            Some(id) => {
                match writes {
                    Writes::Todos => ledger.todos.extend(id),
                    Writes::Groups("steps") => ledger.steps.extend([name]),
                    Writes::Groups(_) => ledger.groups.extend([name]),
                    Writes::Increments => ledger.increments += 1,
                };
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            None => ledger
                .refused
                .push(format!("{}: {}", answer.status, answer.text())),
        }
    }
}

fn request(address: SocketAddr, writes: Writes, name: &str, number: u64) -> Request {
    let post = |target: &str, body: &Value| Request::new(address, "POST", target).json(body);
    let insert =
        json!({"op": "execute", "sql": "INSERT INTO parent (name) VALUES ($1)", "params": [name]});
    let inserts: Vec<_> = (0..GROUP).map(|_| insert.clone()).collect();
    match writes {
        Writes::Todos => post("/api/todo/todos", &json!({ "title": name })),
        Writes::Groups(id) if number.is_multiple_of(2) => post(
            &format!("/api/{id}/sql"),
            &json!({"op": "batch", "statements": inserts}),
        ),
        Writes::Groups(id) => post(
            &format!("/api/{id}/sql"),
            &json!({"op": "tx", "access": "read-write", "steps": inserts, "end": "commit"}),
        ),
        Writes::Increments => post(
            "/api/rows/kv",
            &json!({"op": "increment", "bucket": "b", "key": "k", "delta": 1}),
        ),
    }
}

/// Whether it was acknowledged; of a todo its id.
fn taken(writes: Writes, answer: &Response) -> Option<Option<String>> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    match writes {
        Writes::Todos => (answer.status == 201).then(|| body["id"].as_str().map(str::to_owned)),
        Writes::Groups(_) => {
            let end = &body["ok"]["end"];
            let committed = body["ok"].is_array() || end.get("ok").is_some();
            (answer.status == 200 && committed).then_some(None)
        }
        Writes::Increments => (answer.status == 200 && body["ok"].is_u64()).then_some(None),
    }
}
