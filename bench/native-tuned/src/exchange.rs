//! One request, from its head to its answer. Reads are answered at once on the worker; only a POST waits.

use crate::{
    answer::Answer,
    head::{self, Asked},
    refusal::Refusal,
    routes::{self, Route},
    watchdog::Watch,
    writer::Writer,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, service::Service};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

mod create;

type Reply = Response<Full<Bytes>>;

/// What the requests of one connection share.
pub(crate) struct Exchange {
    writer: &'static Writer,
    watch: Arc<Watch>,
}

impl Exchange {
    pub(crate) fn new(writer: &'static Writer, watch: Arc<Watch>) -> Self {
        Self { writer, watch }
    }

    fn answer(&self, asked: Asked, headers: HeaderMap, body: Incoming) -> Answering {
        let answer = match (routes::route(asked.uri.path()), &asked.method) {
            (_, &Method::CONNECT) => Refusal::MethodNotAllowed.answer(&asked, headers),
            (Route::Hello, &Method::GET | &Method::HEAD) => routes::hello(headers),
            (Route::Item(id), &Method::GET | &Method::HEAD) => routes::item(&asked, id, headers),
            (Route::List, &Method::GET | &Method::HEAD) => routes::list(&asked, headers),
            (Route::List, &Method::POST) => {
                let (writer, watch) = (self.writer, Arc::clone(&self.watch));
                return Answering::Later(Box::pin(async move {
                    let answer = create::create(&asked, headers, body, writer, &watch).await;
                    answer.finish(&asked)
                }));
            }
            (Route::Hello | Route::Item(_), _) => {
                routes::other_method(&asked, headers, "GET, HEAD, OPTIONS")
            }
            (Route::List, _) => routes::other_method(&asked, headers, "GET, HEAD, POST, OPTIONS"),
            (Route::Unknown, _) => Answer::error(StatusCode::NOT_FOUND, headers, "Not found"),
            (Route::Unmounted, _) => Refusal::NotFound.answer(&asked, headers),
        };
        Answering::Now(Some(answer.finish(&asked)))
    }
}

impl Service<Request<Incoming>> for Exchange {
    type Response = Reply;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        self.watch.busy();
        let (head, body) = request.into_parts();
        let (asked, checked, headers) = head::read(head);
        match checked {
            Ok(()) => self.answer(asked, headers, body),
            Err(status) => {
                let answer = Refusal::Bare(status).answer(&asked, headers);
                Answering::Now(Some(answer.finish(&asked)))
            }
        }
    }
}

/// An answer that is there already costs no allocation.
pub(crate) enum Answering {
    Now(Option<Reply>),
    Later(Pin<Box<dyn Future<Output = Reply> + Send>>),
}

impl Future for Answering {
    type Output = Result<Reply, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(reply) => reply
                .take()
                .map_or(Poll::Pending, |reply| Poll::Ready(Ok(reply))),
            Self::Later(future) => future.as_mut().poll(cx).map(Ok),
        }
    }
}
