//! `greenroom:http/handler`, the optional export: a request whose body is collected, and its answer, in one call.

use super::{
    Content, Error,
    call::{Call, Guest, report},
    gate::Place,
    instance::Instance,
    state::{MAX_FIELDS, State},
};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, HOST},
    response,
    uri::{Authority, PathAndQuery},
};
use http_body_util::{BodyExt, Full};
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Instant,
};
use tokio::time::sleep_until;
use wasmtime::component::{InstancePre, Resource};
use wasmtime_wasi::p2::DynOutputStream;
use wasmtime_wasi_http::{
    WasiHttpView,
    p2::body::{HostOutgoingBody, HyperOutgoingBody, StreamContext},
};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "greenroom:plugin/unary-plugin",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: false },
        with: { "wasi:io": wasmtime_wasi::p2::bindings::io },
    });
}
use bindings::exports::greenroom::http::handler;
pub(super) use bindings::{UnaryPlugin as Handler, UnaryPluginIndices as Indices};

/// The export's name; a later 0.1 has it too.
const EXPORT: &str = "greenroom:http/handler@0.1.0";
/// Headers of one answer.
const MOST_FIELDS: usize = 256;
/// Pieces of a streamed body that wait for the client, and the bytes of one.
const PIECES: usize = 1;
const PIECE: usize = 64 << 10;

/// `None`: the component does not have it.
pub(super) fn find(pre: &InstancePre<State>) -> wasmtime::Result<Option<Indices>> {
    let there = pre.component().get_export_index(None, EXPORT).is_some();
    there.then(|| Indices::new(pre)).transpose()
}

/// Runs `request`, whose body is whole, in an instance that has the export.
pub(super) async fn run(
    call: Call,
    mut instance: Box<Instance>,
    request: Request<Bytes>,
    by: Instant,
    place: Place,
) -> Result<Response<Content>, Error> {
    let answered = {
        let answering = pin!(instance.answer(&request));
        until(by, answering).await
    };
    let answered = match answered {
        None => return Err(call.out_of_time("no answer within limits.timeout")),
        Some(Err(error)) => return Err(call.failed(&error, &instance)),
        Some(Ok(answered)) => answered,
    };
    let mut head = head(answered.status, answered.headers).map_err(|why| call.bad_answer(&why))?;
    match answered.body {
        handler::Content::Whole(body) => {
            call.build.pool.put(instance);
            let large = body.len() > call.build.limits.buffer;
            if large || call.method == Method::HEAD {
                set_length(&mut head, body.len()).map_err(|why| call.bad_answer(&why))?;
            }
            if !large {
                return Ok(Response::from_parts(head, Content::Whole(body.into())));
            }
            // Large answers are counted until the client has them, whichever way they came.
            let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
            Box::pin(call.follow(head, body.boxed_unsync(), None, place)).await
        }
        handler::Content::Streamed => {
            let (guest, body) = stream(&call, instance)?;
            Box::pin(call.follow(head, body, Some(guest), place)).await
        }
    }
}

/// As tokio's `timeout_at`, with a timer that is made when the future first has to wait: most calls never do.
async fn until<F: Future>(by: Instant, mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(by.into())));
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// The rest of the guest's work, and what it writes meanwhile.
fn stream(call: &Call, mut instance: Box<Instance>) -> Result<(Guest, HyperOutgoingBody), Error> {
    let (mut written, body) = HostOutgoingBody::new(StreamContext::Response, None, PIECES, PIECE);
    let stream: DynOutputStream = written
        .take_output_stream()
        .expect("a new body has its stream");
    let stream = instance.store.data_mut().http().table.push(stream);
    let stream = stream.map_err(|error| call.failed(&error.into(), &instance))?;
    let (build, id) = (call.build.clone(), call.id.clone());
    let guest = Box::pin(async move {
        match instance.write_body(stream).await {
            Ok(Ok(())) => {
                // The client's side may be gone; that shows where it is read.
                let _ = written.finish(None);
                Ok(instance)
            }
            Ok(Err(why)) => {
                written.abort();
                let why: String = why.chars().take(1000).collect();
                tracing::warn!(plugin = %build.plugin, build = %build.id.short(), request = &*id, why, "the answer was not sent whole");
                Ok(instance)
            }
            Err(error) => {
                written.abort();
                Err(report(&build, &id, &error, &instance))
            }
        }
    });
    Ok((guest, body))
}

impl Instance {
    fn unary(&mut self) -> (&handler::Guest, &mut wasmtime::Store<State>) {
        let unary = self.unary.as_ref();
        let unary = unary.expect("only called for builds that have the export");
        (unary.greenroom_http_handler(), &mut self.store)
    }

    async fn answer(&mut self, request: &Request<Bytes>) -> wasmtime::Result<handler::Response> {
        let head = request_head(request);
        let (handler, store) = self.unary();
        handler.call_handle(store, &head, request.body()).await
    }

    async fn write_body(
        &mut self,
        to: Resource<DynOutputStream>,
    ) -> wasmtime::Result<Result<(), String>> {
        let (handler, store) = self.unary();
        handler.call_write_body(store, to).await
    }
}

/// The head as `greenroom:http/handler` gets it. `Host` is in the URI.
fn request_head<T>(request: &Request<T>) -> Vec<u8> {
    let uri = request.uri();
    let mut head = Vec::with_capacity(512);
    let mut line = |parts: [&[u8]; 7]| parts.iter().for_each(|part| head.extend_from_slice(part));
    line([
        request.method().as_str().as_bytes(),
        b" ",
        uri.scheme_str().unwrap_or("http").as_bytes(),
        b"://",
        uri.authority()
            .map_or("localhost", Authority::as_str)
            .as_bytes(),
        uri.path_and_query()
            .map_or("/", PathAndQuery::as_str)
            .as_bytes(),
        b" HTTP/1.1\r\n",
    ]);
    let fields = request.headers().iter().filter(|(name, _)| *name != HOST);
    for (name, value) in fields {
        let name = name.as_str().as_bytes();
        line([name, b": ", value.as_bytes(), b"\r\n", b"", b"", b""]);
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The length of an answer whose body does not say it: it is streamed, or taken away. An error: it is another.
fn set_length(head: &mut response::Parts, length: usize) -> Result<(), String> {
    if matches!(head.status.as_u16(), 204 | 205 | 304) {
        return Ok(());
    }
    let length = HeaderValue::from(length);
    let mut declared = head.headers.get_all(CONTENT_LENGTH).iter();
    if declared.any(|declared| *declared != length) {
        return Err("content-length is not the length of the body".into());
    }
    head.headers.insert(CONTENT_LENGTH, length);
    Ok(())
}

/// The head of the answer, or why it is none. `fields`: field lines, each with its CR LF.
fn head(status: u16, mut fields: Vec<u8>) -> Result<response::Parts, String> {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = StatusCode::from_u16(status).map_err(|_| format!("its status is {status}"))?;
    if fields.len() > MAX_FIELDS {
        return Err(format!(
            "its headers are larger than {} KiB",
            MAX_FIELDS >> 10
        ));
    }
    fields.extend_from_slice(b"\r\n");
    let fields = Bytes::from(fields);
    let mut space = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let (read, parsed) = match httparse::parse_headers(&fields, &mut space) {
        Ok(httparse::Status::Complete(parsed)) => parsed,
        Ok(httparse::Status::Partial) => return Err("its headers break off".into()),
        Err(error) => return Err(format!("its headers are no field lines: {error}")),
    };
    if read != fields.len() {
        return Err("its headers end before their end".into());
    }
    // Room for the host's own as well: the map grows once.
    head.headers.reserve(parsed.len() + 12);
    for field in parsed {
        let shown = || field.name.chars().take(100).collect::<String>();
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| format!("{:?} is no name of a header", shown()))?;
        let value = HeaderValue::from_maybe_shared(fields.slice_ref(field.value))
            .map_err(|_| format!("its header {} has a value with control characters", shown()))?;
        head.headers.append(name, value);
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_http_writes_it() {
        let request = Request::post("https://a:1/b?c=d")
            .header("host", "other")
            .header("x-a", "b")
            .header("x-a", &b"\xff"[..])
            .body(())
            .unwrap();
        assert_eq!(
            request_head(&request),
            b"POST https://a:1/b?c=d HTTP/1.1\r\nx-a: b\r\nx-a: \xff\r\n\r\n"
        );
    }

    #[test]
    fn only_what_http_can_carry_is_a_head() {
        let of = |fields: &[u8]| head(200, fields.to_vec());
        assert!(of(b"").unwrap().headers.is_empty());
        let two = of(b"X-A: b\r\nset-cookie: c\r\nset-cookie:\r\n")
            .unwrap()
            .headers;
        assert_eq!(two["x-a"], "b");
        assert_eq!(two.get_all("set-cookie").iter().count(), 2);
        for bad in [
            &b"a b: c\r\n"[..],
            b"a: \0\r\n",
            b"a: b\rc\r\n",
            b"a: b",
            b"a\r\n",
            b": b\r\n",
            b"a: b\r\n\r\nc: d\r\n",
            b"a: b\r\n c\r\n",
        ] {
            assert!(of(bad).is_err(), "{}", bad.escape_ascii());
        }
        assert!(head(1000, Vec::new()).unwrap_err().contains("1000"));
        let many = b"a: b\r\n".repeat(MOST_FIELDS + 1);
        assert!(of(&many).is_err());
        let large = [b"a: ", &b"b".repeat(MAX_FIELDS)[..], b"\r\n"].concat();
        assert!(of(&large).unwrap_err().contains("64 KiB"));
    }
}
