//! An answer, and how it leaves the component.

use crate::{
    bindings::{
        unary::exports::greenroom::http::handler,
        wasi::{
            http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam},
            io::streams::{OutputStream, StreamError},
        },
    },
    fields,
};
use serde::Serialize;
use std::{borrow::Cow, cell::RefCell, io};

/// A status, headers and a body.
pub struct Response {
    status: u16,
    /// The headers as field lines, which is how the host takes them.
    fields: Vec<u8>,
    /// The first header that cannot be a field line.
    unsendable: Option<String>,
    content: Content,
}

/// Room for the headers of most answers, bytes.
const FIELDS: usize = 192;

/// Larger bodies than this are written in pieces, bytes: the host holds a whole one in memory until the client has it.
const WHOLE: usize = 256 << 10;

type Produce = Box<dyn FnOnce(&mut Writer) -> io::Result<()>>;

enum Content {
    Bytes(Vec<u8>),
    Stream(Produce),
}

impl Response {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self::of(status, Content::Bytes(Vec::new()))
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::new(204)
    }

    /// A value as compact JSON.
    ///
    /// # Panics
    /// If the value cannot be JSON, as a map whose keys are no strings.
    pub fn json(status: u16, value: &(impl Serialize + ?Sized)) -> Self {
        Self::json_bytes(
            status,
            serde_json::to_vec(value).expect("the value can be written as JSON"),
        )
    }

    /// JSON that is written already.
    pub fn json_bytes(status: u16, json: impl Into<Vec<u8>>) -> Self {
        Self::bytes_of(status, "application/json; charset=utf-8", json)
    }

    /// Plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::bytes_of(status, "text/plain; charset=utf-8", text.into())
    }

    /// A body of any type.
    pub fn bytes_of(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let content = Content::Bytes(body.into());
        Self::of(status, content).with_header("content-type", content_type)
    }

    /// A body that is written while it is sent. An error ends the answer without its proper end, so that the client
    /// sees that it is not whole.
    pub fn stream(
        status: u16,
        content_type: &'static str,
        produce: impl FnOnce(&mut Writer) -> io::Result<()> + 'static,
    ) -> Self {
        let content = Content::Stream(Box::new(produce));
        Self::of(status, content).with_header("content-type", content_type)
    }

    fn of(status: u16, content: Content) -> Self {
        Self {
            status,
            fields: Vec::with_capacity(FIELDS),
            unsendable: None,
            content,
        }
    }

    /// Adds a header. `content-length` is set by the SDK where the length is known, unless it is added here.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl AsRef<[u8]>,
    ) -> Self {
        let name = name.into();
        if !fields::append(&name, value.as_ref(), &mut self.fields) {
            self.unsendable.get_or_insert_with(|| name.into_owned());
        }
        self
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first value of a header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.values(name).next()?).ok()
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        fields::values(&self.fields, fields::ends(&self.fields), name)
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        fields::lines(&self.fields, fields::ends(&self.fields))
    }

    /// The body, unless it is streamed.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Stream(_) => None,
        }
    }

    /// Why the answer cannot be sent.
    fn problem(&self) -> Option<String> {
        let name = self.unsendable.as_ref()?;
        Some(format!("a header of the answer: {name:?} cannot be sent"))
    }

    /// The answer as the host's one call gets it. A body that is streamed, or large, waits for the host's next call.
    pub(crate) fn give(mut self) -> handler::Response {
        if let Some(problem) = self.problem() {
            eprintln!("{problem}");
            return Self::new(500).give();
        }
        let content = std::mem::replace(&mut self.content, Content::Bytes(Vec::new()));
        let body = match content {
            Content::Bytes(bytes) if bytes.len() > WHOLE => {
                if self.values("content-length").next().is_none() {
                    let length = bytes.len().to_string();
                    fields::append("content-length", length.as_bytes(), &mut self.fields);
                }
                Pending::keep(Box::new(move |writer| io::Write::write_all(writer, &bytes)))
            }
            Content::Bytes(bytes) => handler::Content::Whole(bytes),
            Content::Stream(produce) => Pending::keep(produce),
        };
        handler::Response {
            status: self.status,
            headers: self.fields,
            body,
        }
    }

    /// Hands the answer to the host through wasi:http. A whole body goes with one write before the head is given away, as far as the
    /// host takes it at once; the rest, and a stream, follow as the host asks for them.
    pub(crate) fn send(self, out: ResponseOutparam) {
        let owned = |(name, value): (&[u8], &[u8])| {
            let name = String::from_utf8_lossy(name).into_owned();
            (name, value.to_vec())
        };
        let mut headers: Vec<_> = self.lines().filter_map(fields::parts).map(owned).collect();
        if let Content::Bytes(bytes) = &self.content
            && !matches!(self.status, 204 | 304)
            && !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            headers.push((
                "content-length".to_owned(),
                bytes.len().to_string().into_bytes(),
            ));
        }
        let head = self.problem().map_or(Ok(()), Err).and_then(|()| {
            Fields::from_list(&headers)
                .map_err(|error| format!("a header of the answer: {error:?}"))
        });
        let head = head.map(OutgoingResponse::new).and_then(|response| {
            let set = response.set_status_code(self.status);
            set.map(|()| response)
                .map_err(|()| format!("{} is no status", self.status))
        });
        match head {
            Ok(response) => deliver(response, self.content, out),
            Err(problem) => {
                // Not through the log service: a plugin that uses no service is a plain wasi:http component.
                eprintln!("{problem}");
                let response = OutgoingResponse::new(Fields::new());
                // 500 is a status.
                let _ = response.set_status_code(500);
                deliver(response, Content::Bytes(Vec::new()), out);
            }
        }
    }
}

/// The body of the answer that was just given, which the host asks for next.
pub(crate) struct Pending(Produce);

thread_local! {
    // A component has one thread, and an instance one request at a time.
    static PENDING: RefCell<Option<Pending>> = const { RefCell::new(None) };
}

impl Pending {
    fn keep(produce: Produce) -> handler::Content {
        PENDING.set(Some(Self(produce)));
        handler::Content::Streamed
    }

    pub(crate) fn take() -> Option<Self> {
        PENDING.take()
    }

    pub(crate) fn write(self, to: OutputStream) -> Result<(), String> {
        let mut writer = Writer(to);
        let written = (self.0)(&mut writer).and_then(|()| io::Write::flush(&mut writer));
        written.map_err(|error| error.to_string())
    }
}

fn deliver(response: OutgoingResponse, content: Content, out: ResponseOutparam) {
    let body = response.body().expect("a new answer has its body");
    let outcome = match content {
        Content::Bytes(bytes) if bytes.is_empty() => {
            ResponseOutparam::set(out, Ok(response));
            Ok(())
        }
        Content::Bytes(bytes) => {
            let mut writer = Writer(body.write().expect("a new body has its stream"));
            let first = writer.write_now(&bytes);
            ResponseOutparam::set(out, Ok(response));
            first.and_then(|sent| io::Write::write_all(&mut writer, &bytes[sent..]))
        }
        Content::Stream(produce) => {
            let mut writer = Writer(body.write().expect("a new body has its stream"));
            ResponseOutparam::set(out, Ok(response));
            produce(&mut writer)
        }
    };
    // Dropping the body instead of finishing it tells the host that it is not whole.
    let finished = outcome
        .map_err(|error| error.to_string())
        .and_then(|()| OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}")));
    if let Err(problem) = finished {
        eprintln!("the answer was not sent whole: {problem}");
    }
}

/// Where a streamed body is written to. A write waits until the host takes it, which is when the client reads.
pub struct Writer(OutputStream);

impl Writer {
    /// Writes as much as the host takes at once, and answers how much that was.
    fn write_now(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let permitted = self.0.check_write().map_err(broken)?;
        let length = bytes
            .len()
            .min(usize::try_from(permitted).unwrap_or(usize::MAX));
        if length > 0 {
            self.0.write(&bytes[..length]).map_err(broken)?;
        }
        Ok(length)
    }
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        loop {
            match self.write_now(bytes)? {
                0 => self.0.subscribe().block(),
                written => return Ok(written),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.blocking_flush().map_err(broken)
    }
}

fn broken(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone"),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_field_lines() {
        let response = Response::text(200, "a")
            .with_header("X-b", "c: d")
            .with_header("x-B", String::from("e"));
        assert_eq!(response.header("x-b"), Some("c: d"));
        assert_eq!(response.header("x"), None);
        let given = response.give();
        let expected = b"content-type: text/plain; charset=utf-8\r\nX-b: c: d\r\nx-B: e\r\n";
        assert_eq!((given.status, &given.headers[..]), (200, &expected[..]));
    }

    #[test]
    fn an_answer_with_a_header_that_cannot_be_sent_is_a_500() {
        for (name, value) in [("a", "b\r\nc: d"), ("a", "\0"), ("a\n", "b"), ("", "b")] {
            let given = Response::text(200, "a").with_header(name, value).give();
            assert_eq!((given.status, &given.headers[..]), (500, &b""[..]));
        }
    }
}
