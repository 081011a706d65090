//! Reading a request's body.

use crate::{
    Error,
    bindings::wasi::{
        http::types::{IncomingBody, IncomingRequest},
        io::streams::{InputStream, StreamError},
    },
};

/// Bytes asked for in one read of a body.
const CHUNK: u64 = 64 << 10;

/// A request's body, chunk by chunk.
pub struct Body(Inner);

enum Inner {
    // The stream goes before the body that it belongs to.
    Host(
        InputStream,
        #[expect(dead_code, reason = "held until the stream is dropped")] IncomingBody,
    ),
    Whole(Vec<u8>),
}

impl Body {
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self(Inner::Whole(bytes))
    }

    /// Empty when it was taken before.
    pub(super) fn incoming(request: &IncomingRequest) -> Self {
        let taken = request
            .consume()
            .and_then(|body| Ok((body.stream()?, body)));
        Self(match taken {
            Ok((stream, body)) => Inner::Host(stream, body),
            Err(()) => Inner::Whole(Vec::new()),
        })
    }

    /// The next bytes, at most 64 KiB of them and never none; `None` is the end. A body that breaks off is a 400.
    pub fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match &mut self.0 {
            Inner::Whole(bytes) => {
                Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()))
            }
            Inner::Host(stream, _) => loop {
                match stream.blocking_read(CHUNK) {
                    Ok(chunk) if chunk.is_empty() => {}
                    Ok(chunk) => return Ok(Some(chunk)),
                    Err(StreamError::Closed) => return Ok(None),
                    Err(StreamError::LastOperationFailed(error)) => {
                        return Err(Error::bad_request("the body could not be read to its end")
                            .with_detail(format!(
                                "reading the body: {}",
                                error.to_debug_string()
                            )));
                    }
                }
            },
        }
    }
}
