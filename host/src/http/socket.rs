//! A TCP stream that bounds how long its peer may take. The deadlines live here, below hyper, because here alone it is
//! known that nothing arrives; and a busy keep-alive connection then costs no timer per request.

mod watch;

pub(super) use watch::Watch;

use bytes::Bytes;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep, sleep_until},
};
use watch::{AWAITING, BODY, BUSY, HEAD, OVER};

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From the first byte of a request's head to its last, and from accept to the first byte. Default 10 s.
    pub head: Duration,
    /// Between two requests of a connection. Default 75 s.
    pub idle: Duration,
    /// For a peer that does not take an answer as fast as it comes, to take `LEAST` more of it. Default 30 s.
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

/// Silence between two requests after which a connection is made small. Long against the gaps of a busy client, which
/// would else pay for new buffers after each of them.
const QUIET: Duration = Duration::from_secs(1);
/// What a peer takes at least in `Bounds::write`, bytes: 1 KiB/s by default. One that takes less is as good as gone.
const LEAST: usize = 32 << 10;
/// Input thrown away while lingering, bytes.
const LINGER_BYTES: usize = 1 << 20;
/// Told to a peer that started a head and did not finish it.
const HEAD_TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

pub(super) struct Socket {
    tcp: TcpStream,
    /// Input that hyper had read and not used, to be read again.
    unused: Bytes,
    watch: Arc<Watch>,
    bounds: Bounds,
    /// Nothing was ever read.
    fresh: bool,
    /// The current wait for input: in which phase it began, when, and when it is over.
    wait: Option<(u8, Instant, Instant)>,
    /// Wakes the task at or before the next moment of a wait that counts; re-armed when it fires early, so once in
    /// `QUIET` at most while requests come, never per request.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Since a write had to wait.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Bytes that the peer took since then.
    taken: usize,
    closing: Option<Pin<Box<Sleep>>>,
    shut: bool,
    drained: usize,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream, watch: Arc<Watch>, bounds: Bounds) -> Self {
        Self {
            tcp,
            unused: Bytes::new(),
            watch,
            bounds,
            fresh: true,
            wait: None,
            alarm: None,
            stalled: None,
            taken: 0,
            closing: None,
            shut: false,
            drained: 0,
        }
    }

    /// Gives back what hyper had read beyond the last request, a part of the next head at most. Its time runs from now.
    /// Line ends before a request line mean nothing: a peer that sent only those is idle.
    pub(super) fn give_back(&mut self, unused: Bytes) {
        if unused.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
            self.unused = unused;
        }
    }

    /// Waits for input without a buffer for it, as long as between two requests. True when there is some, or the peer's
    /// end of the connection; false when the peer was silent for too long.
    pub(super) fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let found = if self.fresh {
            // tokio takes every new stream for readable, so this looks for a byte.
            let space = &mut [0; 1];
            let looked = self.tcp.poll_peek(cx, &mut ReadBuf::new(space));
            looked.is_ready()
        } else {
            !self.unused.is_empty() || self.tcp.poll_read_ready(cx).is_ready()
        };
        if found {
            return Poll::Ready(true);
        }
        self.poll_silence(cx).map(|_| false)
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
        let mut now = Instant::now();
        let (began, until) = match self.wait {
            Some((began_in, began, until)) if began_in == phase => (began, until),
            _ => {
                let until = self.until(phase, now);
                self.watch.quiet.store(false, Relaxed);
                self.wait = Some((phase, now, until));
                (now, until)
            }
        };
        loop {
            if now >= until {
                return Poll::Ready(self.silence_is_over(phase));
            }
            let mut next = until;
            if phase == AWAITING {
                let quiet = began + QUIET;
                if now < quiet {
                    next = until.min(quiet);
                } else {
                    self.watch.quiet.store(true, Relaxed);
                }
            }
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(sleep_until(next)));
            if alarm.is_elapsed() || alarm.deadline() > next {
                alarm.as_mut().reset(next);
            }
            ready!(alarm.as_mut().poll(cx));
            now = Instant::now();
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
        self.watch.works();
        if let Poll::Ready(written) = &wrote {
            if self.stalled.is_some() {
                self.taken = self.taken.saturating_add(*written.as_ref().unwrap_or(&0));
                if self.taken >= LEAST {
                    self.has_caught_up();
                }
            }
            return wrote;
        }
        self.watch.stalled.store(true, Relaxed);
        let bound = self.bounds.write;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(bound)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn has_caught_up(&mut self) {
        if self.stalled.take().is_some() {
            self.taken = 0;
            self.watch.stalled.store(false, Relaxed);
        }
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
        self.watch.works();
        if !self.unused.is_empty() {
            let length = self.unused.len().min(buffer.remaining());
            buffer.put_slice(&self.unused.split_to(length));
            self.arrived();
            return Poll::Ready(Ok(()));
        }
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

    /// hyper has written all that there was.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.has_caught_up();
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.watch.parting.load(Relaxed) && !self.shut {
            return Poll::Ready(Ok(()));
        }
        self.watch.works();
        self.watch.phase.store(OVER, Relaxed);
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
