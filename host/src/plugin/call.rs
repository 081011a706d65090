//! One request in one instance: run the guest beside its answer, collect small answers so that the instance is free
//! before the client has read, stream large ones.

mod asked;

pub(super) use asked::{Asked, Said};

use asked::Form;

use super::{
    Content, Error,
    build::Build,
    gate::Place,
    instance::{Instance, OutOfTime},
    stream::Streamed,
    unary,
};
use crate::{
    auth::Caller,
    engine::{Watched, Work},
    service::{Deadline, Scope},
};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, header::CONTENT_LENGTH, response};
use http_body_util::{BodyExt, Full};
use std::{sync::Arc, time::Instant};
use tokio::{
    sync::oneshot,
    time::{timeout, timeout_at},
};
use wasmtime_wasi_http::{
    WasiHttpView,
    p2::{
        bindings::http::types::{ErrorCode, Scheme},
        body::HyperOutgoingBody,
    },
};

/// What a guest's call ends with: the instance when it can be used again.
pub(super) type Ended = Result<Box<Instance>, Dead>;
pub(super) type Guest = Watched<Ended>;

/// A guest that failed. Its instance goes when this goes: the body that it was writing must not seem to end before the
/// failure is seen, and the guest may have run on another thread.
pub(super) struct Dead {
    pub(super) error: Error,
    _instance: Box<Instance>,
}

type Head = Result<Response<HyperOutgoingBody>, ErrorCode>;

/// A request's answer on its way. In a box, so that the futures above it stay small.
pub(super) type Answering = Watched<Result<Response<Content>, Error>>;

/// Runs `asked` in `instance`. The place is kept until guest and answer have ended.
pub(super) fn run(
    build: Arc<Build>,
    instance: Box<Instance>,
    place: Place,
    asked: Asked,
    caller: Caller,
) -> Answering {
    let lane = build.lane.clone();
    Answering::new(lane, work(build, instance, place, asked, caller))
}

/// The same, for who watches it.
pub(super) fn work(
    build: Arc<Build>,
    mut instance: Box<Instance>,
    place: Place,
    asked: Asked,
    caller: Caller,
) -> Work<Result<Response<Content>, Error>> {
    let by = Instant::now() + build.limits.timeout;
    let deadline = Deadline::new(by);
    instance.begin(Scope {
        caller: caller.clone(),
        deadline: deadline.clone(),
    });
    let call = Call {
        build,
        caller,
        method: asked.method,
        deadline,
    };
    match asked.form {
        Form::Flat(head, body) => Box::pin(unary::run(call, instance, (head, body), by, place)),
        Form::Http(request) => Box::pin(call.run(instance, *request, by, place)),
    }
}

/// What all steps of one call need.
pub(super) struct Call {
    pub(super) build: Arc<Build>,
    pub(super) caller: Caller,
    pub(super) method: Method,
    deadline: Deadline,
}

impl Call {
    /// Through wasi:http.
    async fn run(
        self,
        instance: Box<Instance>,
        request: Request<Content>,
        by: Instant,
        place: Place,
    ) -> Result<Response<Content>, Error> {
        let (sender, receiver) = oneshot::channel();
        let guest = self.start(instance, request, sender)?;
        self.answer(guest, receiver, by, place).await
    }

    fn start(
        &self,
        mut instance: Box<Instance>,
        request: Request<Content>,
        sender: oneshot::Sender<Head>,
    ) -> Result<Guest, Error> {
        let mut view = instance.store.data_mut().http();
        let scheme = if request.uri().scheme() == Some(&http::uri::Scheme::HTTPS) {
            Scheme::Https
        } else {
            Scheme::Http
        };
        let request = request.map(|content| {
            let body = match content {
                Content::Whole(bytes) => Full::new(bytes)
                    .map_err(|never| match never {})
                    .boxed_unsync(),
                Content::Stream(body) => body,
            };
            body.map_err(super::stream::request_error)
        });
        let resources = view
            .new_incoming_request(scheme, request)
            .and_then(|request| Ok((request, view.new_response_outparam(sender)?)));
        let (request, outparam) = resources.map_err(|e| self.failed(&e, &instance))?;
        let (build, caller) = (self.build.clone(), self.caller.clone());
        let lane = build.lane.clone();
        let guest = async move {
            match instance.handle(request, outparam).await {
                Ok(()) => Ok(instance),
                Err(error) => Err(Dead::of(&build, &caller, &error, instance)),
            }
        };
        Ok(Guest::new(lane, Box::pin(guest)))
    }

    async fn answer(
        self,
        mut guest: Guest,
        mut receiver: oneshot::Receiver<Head>,
        by: Instant,
        place: Place,
    ) -> Result<Response<Content>, Error> {
        let mut ended = None;
        let head = timeout_at(by.into(), async {
            tokio::select! {
                biased;
                head = &mut receiver => head.ok(),
                end = &mut guest => {
                    ended = Some(end);
                    receiver.try_recv().ok()
                }
            }
        });
        let Ok(head) = head.await else {
            return Err(self.out_of_time("no answer within limits.timeout"));
        };
        let mut running = match ended {
            None => Some(guest),
            Some(Ok(instance)) => {
                self.build.pool.put(instance);
                None
            }
            Some(Err(dead)) => return Err(dead.error),
        };
        let response = match head {
            Some(Ok(response)) => response,
            Some(Err(code)) => {
                return Err(self.bad_answer(&format!("it answered with the error {code:?}")));
            }
            None => {
                // The guest dropped its response-outparam. When it did so in a panic, the panic is the better reason.
                if let Some(guest) = running.as_mut()
                    && let Ok(Err(dead)) = timeout_at(by.into(), guest).await
                {
                    return Err(dead.error);
                }
                return Err(self.bad_answer("it ended without an answer"));
            }
        };
        let (head, body) = response.into_parts();
        self.follow(head, body, running, place).await
    }

    /// The head is there in time; from here on the body's own limits hold.
    pub(super) async fn follow(
        self,
        head: response::Parts,
        body: HyperOutgoingBody,
        running: Option<Guest>,
        place: Place,
    ) -> Result<Response<Content>, Error> {
        self.deadline
            .set(Instant::now() + self.build.limits.stream_timeout);
        self.collect(head, body, running, place).await
    }

    /// Takes up to `limits.buffer` of the body. What ends within that is answered whole; an error before that point is
    /// an error of the request, since nothing was sent yet.
    async fn collect(
        self,
        head: response::Parts,
        mut body: HyperOutgoingBody,
        mut running: Option<Guest>,
        place: Place,
    ) -> Result<Response<Content>, Error> {
        let mut first = Bytes::new();
        let mut more = BytesMut::new();
        loop {
            let next = tokio::select! {
                biased;
                frame = timeout(self.build.limits.chunk_timeout, body.frame()) => frame,
                end = poll_guest(&mut running) => {
                    self.build.pool.put(end.map_err(|dead| dead.error)?);
                    running = None;
                    continue;
                }
            };
            match next {
                Err(_) => {
                    return Err(
                        self.out_of_time("no next part of the body within limits.chunkTimeout")
                    );
                }
                Ok(None) => break,
                Ok(Some(Ok(frame))) => {
                    // Trailers are not passed on.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    if first.is_empty() {
                        first = data;
                    } else {
                        if more.is_empty() {
                            more.extend_from_slice(&first);
                        }
                        more.extend_from_slice(&data);
                    }
                    if first.len().max(more.len()) > self.build.limits.buffer {
                        let begun = if more.is_empty() {
                            first
                        } else {
                            more.freeze()
                        };
                        return self.stream(head, begun, body, running, place);
                    }
                }
                // An answer to HEAD has the length of the answer to GET, and no body to match it.
                Ok(Some(Err(_))) if self.method == Method::HEAD => break,
                Ok(Some(Err(_))) => {
                    // The guest's own end says more than the broken body.
                    if let Some(guest) = running
                        && let Ok(Err(dead)) = timeout(self.build.limits.chunk_timeout, guest).await
                    {
                        return Err(dead.error);
                    }
                    return Err(self.bad_answer(
                        "its body broke off or is not as long as its content-length says",
                    ));
                }
            }
        }
        if let Some(guest) = running {
            self.finish_later(guest, place);
        }
        let whole = if more.is_empty() {
            first
        } else {
            more.freeze()
        };
        Ok(Response::from_parts(head, Content::Whole(whole)))
    }

    fn stream(
        self,
        head: response::Parts,
        begun: Bytes,
        rest: HyperOutgoingBody,
        running: Option<Guest>,
        place: Place,
    ) -> Result<Response<Content>, Error> {
        let place = place.streaming(&self.build.streams).inspect_err(|_| {
            tracing::warn!(
                plugin = %self.build.plugin, build = %self.build.id.short(), request = &*self.caller.request,
                principal = self.caller.principal.name(), "limits.streams: too many large bodies at once"
            );
        })?;
        let by = self.deadline.get();
        let promised = match head.headers.get(CONTENT_LENGTH) {
            Some(length) if self.method != Method::HEAD => {
                length.to_str().ok().and_then(|length| length.parse().ok())
            }
            _ => None,
        };
        let streamed = Streamed::new(self.build, self.caller, begun, rest, running, by, place)
            .promising(promised);
        Ok(Response::from_parts(
            head,
            Content::Stream(streamed.boxed_unsync()),
        ))
    }

    /// The answer is complete but the guest still works: it may until the deadline, and its place stays taken.
    fn finish_later(self, guest: Guest, place: Place) {
        tokio::spawn(async move {
            match timeout_at(self.deadline.get().into(), guest).await {
                Ok(Ok(instance)) => self.build.pool.put(instance),
                Ok(Err(_)) => {} // told in the log already
                Err(_) => {
                    _ = self.out_of_time("it went on after its answer, past limits.streamTimeout")
                }
            }
            drop(place);
        });
    }

    pub(super) fn out_of_time(&self, what: &str) -> Error {
        tracing::error!(
            plugin = %self.build.plugin, build = %self.build.id.short(), request = &*self.caller.request,
            principal = self.caller.principal.name(), what, "plugin timed out"
        );
        Error::TimedOut
    }

    pub(super) fn bad_answer(&self, what: &str) -> Error {
        tracing::error!(
            plugin = %self.build.plugin, build = %self.build.id.short(), request = &*self.caller.request,
            principal = self.caller.principal.name(), what, "plugin gave no valid answer"
        );
        Error::BadAnswer
    }

    pub(super) fn failed(&self, error: &wasmtime::Error, instance: &Instance) -> Error {
        report(&self.build, &self.caller, error, instance)
    }
}

async fn poll_guest(running: &mut Option<Guest>) -> Ended {
    match running {
        Some(guest) => guest.await,
        None => std::future::pending().await,
    }
}

impl Dead {
    /// Tells the log why.
    pub(super) fn of(
        build: &Build,
        caller: &Caller,
        error: &wasmtime::Error,
        instance: Box<Instance>,
    ) -> Self {
        Self {
            error: report(build, caller, error, &instance),
            _instance: instance,
        }
    }
}

/// One line in the log: why the guest ended, and its last words.
fn report(build: &Build, caller: &Caller, error: &wasmtime::Error, instance: &Instance) -> Error {
    let last_words = instance.stderr().last_words();
    let kind = if error.is::<OutOfTime>() {
        Error::TimedOut
    } else {
        Error::Trapped
    };
    tracing::error!(
        plugin = %build.plugin, build = %build.id.short(), request = &*caller.request,
        principal = caller.principal.name(), last_words, error = format!("{error:?}"), "plugin {}", if kind == Error::TimedOut { "timed out" } else { "trapped" }
    );
    kind
}
