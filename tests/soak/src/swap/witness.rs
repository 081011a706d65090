//! A client that asks which build serves, and writes rows by name, all the while. Those it looks for now and then, and
//! deletes, as `stored` does.

use greenroom_tests::{Connection, Request};
use serde_json::json;
use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(3);
/// Rows that it writes before it looks for them.
const LOT: u64 = 1000;
/// It looks no further, as behind an answer that did not come.
const MOST_WRONG: usize = 20;

/// Which version may answer when.
#[derive(Clone)]
struct Timeline(Arc<Mutex<Vec<Window>>>);

#[derive(Debug)]
struct Window {
    version: String,
    from: Instant,
    /// From then on it must not.
    until: Option<Instant>,
}

impl Timeline {
    fn change(&self, change: impl FnOnce(&mut Vec<Window>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn comes(&self, version: &str) {
        self.change(|windows| {
            windows.push(Window {
                version: version.to_owned(),
                from: Instant::now(),
                until: None,
            });
        });
    }

    /// It alone, whatever came and did not go live.
    fn serves(&self, version: &str) {
        let now = Instant::now();
        self.change(|windows| {
            // Longer than an answer takes.
            let past = |until: Instant| now.duration_since(until) > Duration::from_secs(60);
            windows.retain(|window| !window.until.is_some_and(past));
            for window in windows.iter_mut().filter(|w| w.version != version) {
                window.until.get_or_insert(now);
            }
        });
    }

    fn allows(&self, version: &str, asked: Instant) -> bool {
        let answered = Instant::now();
        let fits = |window: &Window| {
            window.version == version
                && window.from <= answered
                && window.until.is_none_or(|until| until >= asked)
        };
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.iter().any(fits)
    }
}

/// What it saw.
#[derive(Default)]
pub(super) struct Witnessed {
    pub(super) answers: u64,
    /// Rows that were acknowledged, named `w0`, `w1` and so on.
    pub(super) rows: u64,
    /// Of them, those that were found and deleted.
    found: u64,
    pub(super) wrong: Vec<String>,
}

impl Witnessed {
    /// The numbers of the rows that must still be there.
    pub(super) fn left(&self) -> Range<u64> {
        self.found..self.rows
    }
}

pub(super) struct Witness {
    timeline: Timeline,
    stop: Arc<AtomicBool>,
    client: JoinHandle<Witnessed>,
}

impl Witness {
    pub(super) fn start(address: SocketAddr, version: &str) -> Self {
        let timeline = Timeline(Arc::default());
        timeline.comes(version);
        let stop = Arc::<AtomicBool>::default();
        let client = thread::spawn({
            let (timeline, stop) = (timeline.clone(), stop.clone());
            move || look(address, &timeline, &stop)
        });
        Self {
            timeline,
            stop,
            client,
        }
    }

    /// From now on it may answer.
    pub(super) fn comes(&self, version: &str) {
        self.timeline.comes(version);
    }

    /// From now on no other may.
    pub(super) fn serves(&self, version: &str) {
        self.timeline.serves(version);
    }

    pub(super) fn end(self) -> Witnessed {
        self.stop.store(true, SeqCst);
        self.client.join().expect("it does not panic")
    }
}

fn look(address: SocketAddr, timeline: &Timeline, stop: &AtomicBool) -> Witnessed {
    let mut seen = Witnessed::default();
    let mut connection = Connection::open(address);
    while !stop.load(SeqCst) && seen.wrong.len() < MOST_WRONG {
        let asked = Instant::now();
        let ask = Request::new(address, "GET", "/api/swapped/version");
        match connection.send(ask) {
            Ok(answer) if answer.status == 200 => {
                seen.answers += 1;
                let version = answer.text();
                if !timeline.allows(&version, asked) {
                    seen.wrong
                        .push(format!("{version} answered when it was not to serve"));
                }
            }
            Ok(answer) => seen
                .wrong
                .push(format!("{}: {}", answer.status, answer.text())),
            Err(error) => {
                seen.wrong.push(error);
                return seen;
            }
        }
        let insert = "INSERT INTO parent (name) VALUES ($1)";
        let name = format!("w{}", seen.rows);
        match execute(&mut connection, address, insert, &name) {
            Ok(1) => seen.rows += 1,
            Ok(rows) => seen.wrong.push(format!("{rows} rows inserted")),
            Err(error) => {
                seen.wrong.push(error);
                return seen;
            }
        }
        if seen.rows - seen.found == LOT {
            match clear(&mut connection, address, seen.left()) {
                Ok(()) => seen.found = seen.rows,
                Err(error) => {
                    seen.wrong.push(error);
                    return seen;
                }
            }
        }
        thread::sleep(PAUSE);
    }
    seen
}

/// Finds each of these rows once, and deletes them.
fn clear(connection: &mut Connection, address: SocketAddr, rows: Range<u64>) -> Result<(), String> {
    let wanted = rows.end - rows.start;
    // As many, and each name once.
    let names: Vec<_> = rows.map(|n| format!("w{n}")).collect();
    let delete = "DELETE FROM parent WHERE name IN (SELECT value FROM json_each($1)) AND
         (SELECT count(DISTINCT name) FROM parent WHERE name GLOB 'w[0-9]*') = json_array_length($1)";
    let deleted = execute(connection, address, delete, &json!(names).to_string())?;
    if deleted == wanted {
        return Ok(());
    }
    Err(format!(
        "{deleted} of {wanted} named rows are there, each once"
    ))
}

/// Runs a statement with one parameter, and answers how many rows it changed.
fn execute(
    connection: &mut Connection,
    address: SocketAddr,
    sql: &str,
    parameter: &str,
) -> Result<u64, String> {
    let call = json!({"op": "execute", "sql": sql, "params": [parameter]});
    let request = Request::new(address, "POST", "/api/swapped/sql").json(&call);
    let answer = connection.send(request)?;
    let rows = answer.json()["ok"]["rowsAffected"].as_u64();
    rows.ok_or_else(|| format!("{sql}: {}", answer.text()))
}
