//! A TCP stream that bounds how long its peer may take. The deadlines live here, below hyper, because here alone it is
//! known that nothing arrives; and a busy keep-alive connection then costs no timer per request.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, sleep_until},
};

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the first byte of a request's head to its last, and from accept to the first byte. Default 10 s.
    pub head: Duration,
    /// Between two requests of a connection. Default 75 s.
    pub idle: Duration,
    /// A write that makes no progress. Default 30 s.
    pub write: Duration,
    /// After the last answer, for the peer to read it and close: a close with unread input would be a reset, and the
    /// peer could lose the answer. Default 2 s.
    pub linger: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            linger: Duration::from_secs(2),
        }
    }
}

/// Input thrown away while lingering, bytes.
const LINGER_BYTES: usize = 1 << 20;
/// Told to a peer that started a head and did not finish it.
const HEAD_TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What the peer is expected to send next.
const AWAITING: u8 = 0; // a request, at its leisure
const HEAD: u8 = 1; // the rest of a head
const BODY: u8 = 2; // the rest of a body
const BUSY: u8 = 3; // nothing: a request runs

/// The exchange tells the socket through this what it waits for. Both run in the connection's one task.
pub(super) struct Watch {
    phase: AtomicU8,
    hurry: AtomicBool,
    origin: Instant,
    /// Milliseconds of silence allowed within a body.
    body_idle: AtomicU64,
    /// End of the body's whole time, milliseconds after `origin`.
    body_until: AtomicU64,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            phase: AtomicU8::new(AWAITING),
            hurry: AtomicBool::new(false),
            origin: Instant::now(),
            body_idle: AtomicU64::new(0),
            body_until: AtomicU64::new(0),
        }
    }
}

impl Watch {
    /// A request runs; the peer owes nothing.
    pub(super) fn busy(&self) {
        self.phase.store(BUSY, Relaxed);
    }

    /// From now on the peer owes a body: at most `idle` between two pieces, `total` in all.
    pub(super) fn body(&self, idle: Duration, total: Duration) {
        self.body_idle.store(millis(idle), Relaxed);
        self.body_until
            .store(millis(self.origin.elapsed().saturating_add(total)), Relaxed);
        self.phase.store(BODY, Relaxed);
    }

    /// The server stops: close without lingering.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) struct Socket {
    tcp: TcpStream,
    watch: Arc<Watch>,
    bounds: Bounds,
    /// Nothing was ever read.
    fresh: bool,
    /// The current wait for input: in which phase it began and when it is over.
    wait: Option<(u8, Instant)>,
    /// Wakes the task at or before the end of a wait; re-armed when it fires early, never per request.
    alarm: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Option<Pin<Box<Sleep>>>,
    shut: bool,
    drained: usize,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream, watch: Arc<Watch>, bounds: Bounds) -> Self {
        Self {
            tcp,
            watch,
            bounds,
            fresh: true,
            wait: None,
            alarm: None,
            stalled: None,
            closing: None,
            shut: false,
            drained: 0,
        }
    }

    fn arrived(&mut self) {
        self.fresh = false;
        match self.watch.phase.load(Relaxed) {
            AWAITING | BUSY => {
                self.watch.phase.store(HEAD, Relaxed);
                self.wait = None;
            }
            BODY => self.wait = None,
            // A head's time runs from its first byte, however often more of it comes.
            _ => {}
        }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = match self.watch.phase.load(Relaxed) {
            // hyper reads again: the answer is out and the next request may come.
            BUSY => {
                self.watch.phase.store(AWAITING, Relaxed);
                AWAITING
            }
            phase => phase,
        };
        let now = Instant::now();
        let until = match self.wait {
            Some((began_in, until)) if began_in == phase => until,
            _ => {
                let until = self.until(phase, now);
                self.wait = Some((phase, until));
                until
            }
        };
        if now >= until {
            return Poll::Ready(self.silence_is_over(phase));
        }
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            if alarm.is_elapsed() || alarm.deadline() > until {
                alarm.as_mut().reset(until);
            }
            ready!(alarm.as_mut().poll(cx));
            if Instant::now() >= until {
                return Poll::Ready(self.silence_is_over(phase));
            }
        }
    }

    fn until(&self, phase: u8, now: Instant) -> Instant {
        match phase {
            AWAITING if !self.fresh => now + self.bounds.idle,
            BODY => {
                let idle = now + Duration::from_millis(self.watch.body_idle.load(Relaxed));
                let total = Duration::from_millis(self.watch.body_until.load(Relaxed));
                self.watch
                    .origin
                    .checked_add(total)
                    .map_or(idle, |total| idle.min(total))
            }
            _ => now + self.bounds.head,
        }
    }

    /// An error ends the body or the connection; end-of-file ends an idle connection cleanly.
    fn silence_is_over(&mut self, phase: u8) -> io::Result<()> {
        match phase {
            AWAITING => return Ok(()),
            // hyper has nothing buffered to write while it reads a head, so this cannot land inside an answer. A full
            // send buffer means the peer reads nothing anyway.
            HEAD => drop(self.tcp.try_write(HEAD_TIMED_OUT)),
            _ => {}
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    fn progress(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let bound = self.bounds.write;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(bound)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Ready when the peer closed its side, or had its chance.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 4096];
        while self.drained < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.tcp).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.drained += buffer.filled().len()
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    let bound = self.bounds.linger;
                    return self
                        .closing
                        .get_or_insert_with(|| Box::pin(sleep(bound)))
                        .as_mut()
                        .poll(cx);
                }
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.tcp).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {
                if buffer.filled().len() > before {
                    self.arrived();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_silence(cx),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        self.progress(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.tcp).poll_write_vectored(cx, bytes);
        self.progress(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            ready!(Pin::new(&mut self.tcp).poll_shutdown(cx))?;
            self.shut = true;
        }
        if !self.watch.hurry.load(Relaxed) {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
