//! A request's body: bounded, inflated, and collected where it is small enough, so that slow clients hold no instance.

mod collect;

use super::{
    error::{BODY_BROKEN, BODY_TIMED_OUT, Refusal},
    inflate::{self, Inflate},
    kept::Kept,
    socket::Watch,
};
use crate::{
    config::Limits,
    plugin::{self, BodyError, Content},
};
use bytes::Bytes;
use collect::{Collected, collect};
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

/// Unread bodies up to this are read to their end, so that the connection can be used again; bytes.
const DISCARDED: u64 = 64 << 10;
const DISCARD_IDLE: Duration = Duration::from_secs(2);
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    TooLarge,
    /// It is not what its `Content-Encoding` says.
    Corrupt,
    /// The connection ended within it, or its chunks are malformed.
    Broken,
    TimedOut,
    /// All clients together have too many of them here.
    Crowded,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLarge => Self::BodyTooLarge,
            Fault::Corrupt => Self::BodyCorrupt,
            Fault::Broken => BODY_BROKEN,
            Fault::TimedOut => BODY_TIMED_OUT,
            Fault::Crowded => Self::Crowded,
        }
    }
}

impl Fault {
    /// The same for the guest that reads the body.
    fn told_to_plugin(self) -> BodyError {
        Box::new(match self {
            Self::TooLarge => plugin::Error::BodyTooLarge,
            Self::Corrupt | Self::Broken => plugin::Error::BodyBroken,
            Self::TimedOut => plugin::Error::TimedOut,
            Self::Crowded => plugin::Error::Overloaded,
        })
    }
}

/// A body for the plugin.
pub(super) struct Received {
    pub(super) body: Content,
    /// How it goes with a body that streams in.
    pub(super) streaming: Option<Arc<Progress>>,
}

/// What became of a streamed body so far.
#[derive(Default)]
pub(super) struct Progress {
    fault: OnceLock<Fault>,
    ended: AtomicBool,
}

impl Progress {
    /// What turned out to be wrong with it while the plugin read.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.get().copied()
    }

    /// Whether the plugin has read all of it.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }
}

/// Prepares the body, and `headers` to match. `incoming` is taken when reading it has begun. `kept`: what is collected
/// counts there.
pub(super) async fn receive(
    incoming: &mut Option<Incoming>,
    headers: &mut HeaderMap,
    limits: &Limits,
    watch: &Arc<Watch>,
    kept: &Kept,
) -> Result<Received, Refusal> {
    match incoming.take_if(|raw| !raw.is_end_stream()) {
        // Boxed: most requests have no body, and the state of reading one would be part of theirs.
        Some(raw) => Box::pin(read(raw, incoming, headers, limits, watch, kept)).await,
        None => Ok(Received {
            body: Content::Whole(Bytes::new()),
            streaming: None,
        }),
    }
}

async fn read(
    raw: Incoming,
    incoming: &mut Option<Incoming>,
    headers: &mut HeaderMap,
    limits: &Limits,
    watch: &Arc<Watch>,
    kept: &Kept,
) -> Result<Received, Refusal> {
    let declared = raw.size_hint().exact();
    let coding = match inflate::coding(headers) {
        Ok(_) if declared.is_some_and(|length| length > limits.body) => Err(Refusal::BodyTooLarge),
        coding => coding,
    };
    let coding = match coding {
        Ok(coding) => coding,
        Err(refusal) => {
            *incoming = Some(raw);
            return Err(refusal);
        }
    };
    let inflate = coding.map(Inflate::new);
    let coded = inflate.is_some();
    headers.remove(CONTENT_ENCODING);
    watch.body(limits.chunk_timeout, limits.stream_timeout);
    let mut source = Source {
        raw,
        inflate,
        left: limits.body,
        left_coded: limits.body,
        watch: Arc::clone(watch),
        ended: false,
    };

    let mut begun = None;
    if coded || declared.is_none_or(|length| length <= limits.buffer as u64) {
        match collect(&mut source, limits.buffer, kept).await? {
            Collected::Whole(bytes) => {
                headers.insert(CONTENT_LENGTH, bytes.len().into());
                return Ok(Received {
                    body: Content::Whole(bytes),
                    streaming: None,
                });
            }
            Collected::Part(bytes) => begun = Some(bytes),
        }
    }
    if coded {
        headers.remove(CONTENT_LENGTH);
    }
    let progress = Arc::new(Progress::default());
    let body = Streamed {
        begun,
        source,
        progress: Arc::clone(&progress),
    }
    .boxed_unsync();
    Ok(Received {
        body: Content::Stream(body),
        streaming: Some(progress),
    })
}

/// Reads an unwanted body to its end if that is near. False: the connection must close.
pub(super) async fn discard(mut unwanted: Incoming, watch: &Watch) -> bool {
    let mut left = DISCARDED;
    if unwanted.is_end_stream() {
        return true;
    }
    if unwanted.size_hint().lower() > left {
        return false;
    }
    watch.body(DISCARD_IDLE, DISCARD_TIME);
    let ended = loop {
        match unwanted.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            // See `judge_trailers`.
            Some(Ok(frame)) if frame.is_trailers() => break false,
            Some(Ok(frame)) => {
                match left.checked_sub(frame.data_ref().map_or(0, |data| data.len() as u64)) {
                    Some(rest) => left = rest,
                    None => break false,
                }
            }
        }
    };
    watch.busy();
    ended
}

/// The body as it was meant: inflated, and never more than the limit.
struct Source {
    raw: Incoming,
    inflate: Option<Inflate>,
    /// Bytes that may still come, and before they are inflated: members without content would have no end.
    left: u64,
    left_coded: u64,
    watch: Arc<Watch>,
    ended: bool,
}

impl Source {
    /// What is worth reserving for the rest, bytes.
    fn expected(&self, most: usize) -> usize {
        usize::try_from(self.raw.size_hint().lower()).map_or(most, |lower| lower.min(most))
    }

    fn counted(&mut self, data: Bytes) -> Result<Frame<Bytes>, Fault> {
        self.left = self
            .left
            .checked_sub(data.len() as u64)
            .ok_or(Fault::TooLarge)?;
        Ok(Frame::data(data))
    }

    fn end(&mut self) {
        if !self.ended {
            self.ended = true;
            self.watch.busy();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            if let Some(inflate) = &mut self.inflate
                && let Some(data) = inflate.next().map_err(|_| Fault::Corrupt)?
            {
                return Poll::Ready(Some(self.counted(data)));
            }
            match ready!(Pin::new(&mut self.raw).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let data = match frame.into_data() {
                        Ok(data) => data,
                        Err(trailers) => {
                            judge_trailers(&trailers, &self.watch)?;
                            continue;
                        }
                    };
                    match &mut self.inflate {
                        Some(inflate) => {
                            let left = self.left_coded.checked_sub(data.len() as u64);
                            self.left_coded = left.ok_or(Fault::TooLarge)?;
                            inflate.feed(data);
                        }
                        None => return Poll::Ready(Some(self.counted(data))),
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(fault_of(&error)))),
                None => {
                    if let Some(inflate) = &self.inflate {
                        inflate.end().map_err(|_| Fault::Corrupt)?;
                    }
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(this.poll(cx));
        if !matches!(frame, Some(Ok(_))) {
            this.end();
        }
        Poll::Ready(frame)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.end();
    }
}

/// Trailers are not passed on. hyper takes a bare LF behind one, or in place of all, for the beginning of another and
/// reads on up to the next empty line, past what others may take for the next request. No field at all means that this
/// has happened; otherwise it may have.
fn judge_trailers(frame: &Frame<Bytes>, watch: &Watch) -> Result<(), Fault> {
    watch.doubt();
    match frame.trailers_ref() {
        Some(fields) if fields.is_empty() => Err(Fault::Broken),
        _ => Ok(()),
    }
}

/// The socket's deadline shows as an i/o error inside hyper's.
fn fault_of(error: &hyper::Error) -> Fault {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
        {
            return Fault::TimedOut;
        }
        source = error.source();
    }
    Fault::Broken
}

/// A body too large to collect; what was collected of it comes first.
struct Streamed {
    begun: Option<Bytes>,
    source: Source,
    progress: Arc<Progress>,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(begun) = this.begun.take() {
            return Poll::Ready(Some(Ok(Frame::data(begun))));
        }
        let frame = ready!(Pin::new(&mut this.source).poll_frame(cx));
        if frame.is_none() {
            this.progress.ended.store(true, Relaxed);
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|fault| {
                let fault = *this.progress.fault.get_or_init(|| fault);
                fault.told_to_plugin()
            })
        }))
    }

    fn size_hint(&self) -> SizeHint {
        // Inflated or partly collected bodies have no length that is known.
        match (&self.begun, &self.source.inflate) {
            (None, None) => self.source.raw.size_hint(),
            _ => SizeHint::new(),
        }
    }
}
