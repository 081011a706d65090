//! `greenroom:http/handler`, the optional export: a request whose body is collected, and its answer, in one call.

use super::{
    Content, Error,
    call::{Call, Dead, Guest},
    gate::Place,
    instance::Instance,
    state::{MAX_FIELDS, State},
};
use crate::config::secrets::redacted;
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Response, StatusCode, header::CONTENT_LENGTH, response,
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
/// Headers of one answer: at most, and those that nearly all answers have room in. To clear space for one takes a while.
const MOST_FIELDS: usize = 256;
const FEW_FIELDS: usize = 16;
/// Pieces of a streamed body that wait for the client, and the bytes of one.
const PIECES: usize = 1;
const PIECE: usize = 64 << 10;

/// `None`: the component does not have it.
pub(super) fn find(pre: &InstancePre<State>) -> wasmtime::Result<Option<Indices>> {
    let there = pre.component().get_export_index(None, EXPORT).is_some();
    there.then(|| Indices::new(pre)).transpose()
}

/// Runs a request in an instance that has the export. `asked`: its head as text, and its body.
pub(super) async fn run(
    call: Call,
    mut instance: Box<Instance>,
    asked: (Vec<u8>, Bytes),
    by: Instant,
    place: Place,
) -> Result<Response<Content>, Error> {
    let answered = {
        let (handler, store) = instance.unary();
        let answering = pin!(handler.call_handle(store, &asked.0, &asked.1));
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

/// As tokio's `timeout_at`, with a timer that is made when the guest first has to wait: most calls never do.
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
    let (build, caller) = (call.build.clone(), call.caller.clone());
    let lane = build.lane.clone();
    let guest = async move {
        match instance.write_body(stream).await {
            Ok(Ok(())) => {
                // The client's side may be gone; that shows where it is read.
                let _ = written.finish(None);
                Ok(instance)
            }
            Ok(Err(why)) => {
                written.abort();
                let why: String = redacted(&why).chars().take(1000).collect();
                tracing::warn!(
                    plugin = %build.plugin, build = %build.id.short(), request = &*caller.request,
                    principal = caller.principal.name(), why, "the answer was not sent whole"
                );
                Ok(instance)
            }
            Err(error) => {
                written.abort();
                Err(Dead::of(&build, &caller, &error, instance))
            }
        }
    };
    Ok((Guest::new(lane, Box::pin(guest)), body))
}

impl Instance {
    fn unary(&mut self) -> (&handler::Guest, &mut wasmtime::Store<State>) {
        let unary = self.unary.as_ref();
        let unary = unary.expect("only called for builds that have the export");
        (unary.greenroom_http_handler(), &mut self.store)
    }

    async fn write_body(
        &mut self,
        to: Resource<DynOutputStream>,
    ) -> wasmtime::Result<Result<(), String>> {
        let (handler, store) = self.unary();
        handler.call_write_body(store, to).await
    }
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
    let mut more = Vec::new();
    let mut few = [httparse::EMPTY_HEADER; FEW_FIELDS];
    let mut parsed = httparse::parse_headers(&fields, &mut few);
    if parsed == Err(httparse::Error::TooManyHeaders) {
        more.resize(MOST_FIELDS, httparse::EMPTY_HEADER);
        parsed = httparse::parse_headers(&fields, &mut more);
    }
    let (read, parsed) = match parsed {
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
        for count in [FEW_FIELDS, FEW_FIELDS + 1, MOST_FIELDS] {
            let head = of(&b"a: b\r\n".repeat(count)).unwrap();
            assert_eq!(head.headers.get_all("a").iter().count(), count);
        }
        let large = [b"a: ", &b"b".repeat(MAX_FIELDS)[..], b"\r\n"].concat();
        assert!(of(&large).unwrap_err().contains("64 KiB"));
    }
}
