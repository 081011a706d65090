//! Clients that send for a while, each waiting for its answer before it sends again, and what they saw.
//!
//! Latency is counted from the moment at which a request was due, so that a stall is seen in all requests that it delays.

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    runtime::Runtime,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

/// No answer takes this long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Failures that are told in words.
const TOLD: usize = 20;

/// What is sent, and what must come back.
#[derive(Clone, Debug)]
pub struct Work {
    pub method: &'static str,
    pub target: String,
    /// JSON; none is sent when it is empty.
    pub body: Bytes,
    /// What must come back; 0: anything, and no answer is as good.
    pub status: u16,
}

impl Work {
    pub fn get(target: &str) -> Self {
        Self {
            method: "GET",
            target: target.to_owned(),
            body: Bytes::new(),
            status: 200,
        }
    }

    pub fn post(target: &str, body: &serde_json::Value) -> Self {
        Self {
            method: "POST",
            target: target.to_owned(),
            body: body.to_string().into(),
            status: 201,
        }
    }
}

/// The times in which a plugin may hold its requests on purpose: what comes then is counted apart. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Holds(Arc<Mutex<Last>>);

/// The last of them.
#[derive(Clone, Copy, Debug, Default)]
enum Last {
    #[default]
    None,
    Runs,
    Ended(Instant),
}

impl Holds {
    pub fn begin(&self) {
        self.set(Last::Runs);
    }

    pub fn end(&self) {
        self.set(Last::Ended(Instant::now()));
    }

    fn set(&self, last: Last) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// Whether a request was out in one of them: due at `from`, and answered just now.
    fn meet(&self, from: Instant) -> bool {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Last::None => false,
            Last::Runs => true,
            Last::Ended(at) => at >= from,
        }
    }
}

/// What the clients saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub answered: u64,
    /// No answer, or one with another status.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<String>,
    /// How often each status came for work that any answer is good for; 0: none came.
    pub statuses: BTreeMap<u16, u64>,
    /// Microseconds of each request that was answered as it should be, but for those below.
    pub latency: Histogram<u64>,
    /// The same of those that were out while [`Holds`] ran, and of those that had to wait behind them in their client.
    pub held: Histogram<u64>,
    pub seconds: f64,
}

impl Seen {
    fn new() -> Self {
        Self {
            answered: 0,
            failed: 0,
            failures: Vec::new(),
            statuses: BTreeMap::new(),
            latency: microseconds(),
            held: microseconds(),
            seconds: 0.0,
        }
    }

    /// Milliseconds.
    pub fn p99(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 2 minutes")]
        let ms = self.latency.value_at_quantile(0.99) as f64 / 1000.0;
        ms
    }

    /// Milliseconds.
    pub fn longest(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 2 minutes")]
        let ms = self.latency.max() as f64 / 1000.0;
        ms
    }

    /// Milliseconds.
    pub fn longest_held(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 2 minutes")]
        let ms = self.held.max() as f64 / 1000.0;
        ms
    }

    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
        let answered = self.answered as f64;
        answered / self.seconds
    }

    /// Adds another window's.
    pub fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.failed += other.failed;
        self.failures.extend(other.failures.iter().cloned());
        self.failures.truncate(TOLD);
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.latency.add(&other.latency).expect("the same bounds");
        self.held.add(&other.held).expect("the same bounds");
        self.seconds += other.seconds;
    }

    fn count(&mut self, due: Instant, held: bool, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.answered += 1;
                let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                let of = if held {
                    &mut self.held
                } else {
                    &mut self.latency
                };
                of.saturating_record(micros.max(1));
            }
            Err(failure) => {
                self.failed += 1;
                if self.failures.len() < TOLD {
                    self.failures.push(failure);
                }
            }
        }
    }
}

fn microseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).expect("valid bounds")
}

/// Of an even number the upper one of the two in the middle.
pub fn median(figures: &[f64]) -> f64 {
    let mut all = figures.to_vec();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Such as `2 with 503, 180 with 504`.
pub fn by_status(statuses: &BTreeMap<u16, u64>) -> String {
    let told = statuses.iter().map(|(status, count)| match status {
        0 => format!("{count} without an answer"),
        status => format!("{count} with {status}"),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Clients at work.
pub struct Load {
    runtime: Runtime,
    clients: JoinSet<Seen>,
    stop: Arc<AtomicBool>,
    start: Instant,
}

impl Load {
    /// `connections` clients in one thread, which send `rate` requests a second together, or as many as they can. Each
    /// client takes the work in turn. A connection that breaks is a failure, and is opened again.
    pub fn start(address: SocketAddr, connections: u32, rate: Option<f64>, work: &[Work]) -> Self {
        Self::start_beside(address, connections, rate, work, &Holds::default())
    }

    /// The same, of a plugin that holds its requests now and then.
    pub fn start_beside(
        address: SocketAddr,
        connections: u32,
        rate: Option<f64>,
        work: &[Work],
        holds: &Holds,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the clients");
        let stop = Arc::<AtomicBool>::default();
        let start = Instant::now();
        let mut clients = JoinSet::new();
        for number in 0..connections {
            let gap = rate.map(|rate| Duration::from_secs_f64(f64::from(connections) / rate));
            let client = Client {
                address,
                work: work.to_vec(),
                // So that they do not all send at the same moment.
                next: start + gap.unwrap_or_default() * number / connections,
                gap,
                stop: stop.clone(),
                holds: holds.clone(),
                seen: Seen::new(),
            };
            clients.spawn_on(client.run(number as usize), runtime.handle());
        }
        Self {
            runtime,
            clients,
            stop,
            start,
        }
    }

    /// No client begins another request. For several loads that are to end at the same time.
    pub fn halt(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Lets every client finish its request.
    pub fn stop(mut self) -> Seen {
        self.halt();
        let mut all = Seen::new();
        self.runtime.block_on(async {
            while let Some(seen) = self.clients.join_next().await {
                all.add(&seen.expect("a client does not panic"));
            }
        });
        all.seconds = self.start.elapsed().as_secs_f64();
        all
    }

    /// For so long.
    pub fn for_a_while(
        address: SocketAddr,
        connections: u32,
        rate: Option<f64>,
        work: &[Work],
        time: Duration,
    ) -> Seen {
        let load = Self::start(address, connections, rate, work);
        std::thread::sleep(time);
        load.stop()
    }
}

struct Client {
    address: SocketAddr,
    work: Vec<Work>,
    next: Instant,
    gap: Option<Duration>,
    stop: Arc<AtomicBool>,
    holds: Holds,
    seen: Seen,
}

impl Client {
    async fn run(mut self, number: usize) -> Seen {
        let mut open = None;
        // Until when its last request kept it from others, when that one was held.
        let mut kept: Option<Instant> = None;
        for turn in number.. {
            if self.gap.is_some() {
                sleep_until(self.next).await;
            }
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            let due = match self.gap {
                Some(gap) => {
                    let due = self.next;
                    self.next += gap;
                    due
                }
                None => Instant::now(),
            };
            let work = &self.work[turn % self.work.len()];
            let exchange = timeout(PATIENCE, once(&mut open, self.address, work));
            let outcome = exchange
                .await
                .unwrap_or_else(|_| Err(format!("{}: no answer in {PATIENCE:?}", work.target)));
            if outcome.is_err() {
                open = None;
            }
            let outcome = if work.status == 0 {
                let status = outcome.unwrap_or_default();
                *self.seen.statuses.entry(status).or_default() += 1;
                Ok(())
            } else {
                outcome.map(|_| ())
            };
            let held = self.holds.meet(due) || kept.is_some_and(|until| due < until);
            kept = held.then(Instant::now);
            self.seen.count(due, held, outcome);
        }
        self.seen
    }
}

type Sender = SendRequest<Full<Bytes>>;

/// The status of the answer, where it is the one that must come.
async fn once(open: &mut Option<Sender>, address: SocketAddr, work: &Work) -> Result<u16, String> {
    let told = |what: &str, e: &dyn std::fmt::Display| format!("{}: {what}: {e}", work.target);
    if open.as_ref().is_none_or(Sender::is_closed) {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|e| told("connect", &e))?;
        stream.set_nodelay(true).map_err(|e| told("socket", &e))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|e| told("handshake", &e))?;
        tokio::spawn(connection);
        *open = Some(sender);
    }
    let sender = open.as_mut().expect("opened above");
    sender.ready().await.map_err(|e| told("closed", &e))?;
    let mut request = Request::builder()
        .method(work.method)
        .uri(&work.target)
        .header("host", address.to_string());
    if !work.body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    let request = request
        .body(Full::new(work.body.clone()))
        .map_err(|e| told("request", &e))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|e| told("send", &e))?;
    let status = answer.status().as_u16();
    let body = answer
        .into_body()
        .collect()
        .await
        .map_err(|e| told("body", &e))?
        .to_bytes();
    if status == work.status || work.status == 0 {
        return Ok(status);
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    Err(format!("{}: {status} {text}", work.target))
}
