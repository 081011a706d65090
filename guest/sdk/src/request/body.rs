//! Reading a request's body.

use crate::{
    Error,
    bindings::wasi::{
        http::types::{IncomingBody, IncomingRequest},
        io::streams::{InputStream, StreamError},
    },
};
use std::vec;

/// Bytes asked for in one read of a body.
const CHUNK: usize = 64 << 10;

/// A request's body, chunk by chunk.
pub struct Body(Inner);

enum Inner {
    // The stream goes before the body that it belongs to.
    Host(
        InputStream,
        #[expect(dead_code, reason = "held until the stream is dropped")] IncomingBody,
    ),
    Whole(vec::IntoIter<u8>),
}

impl Body {
    /// All of it at once, where it is at hand.
    pub(super) fn take_whole(&mut self) -> Option<Vec<u8>> {
        match &mut self.0 {
            Inner::Whole(bytes) => Some(std::mem::take(bytes).collect()),
            Inner::Host(..) => None,
        }
    }

    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self(Inner::Whole(bytes.into_iter()))
    }

    /// Empty when it was taken before.
    pub(super) fn incoming(request: &IncomingRequest) -> Self {
        let taken = request
            .consume()
            .and_then(|body| Ok((body.stream()?, body)));
        Self(match taken {
            Ok((stream, body)) => Inner::Host(stream, body),
            Err(()) => Inner::Whole(vec::IntoIter::default()),
        })
    }

    /// The next bytes, at most 64 KiB of them and never none; `None` is the end. A body that breaks off is a 400.
    pub fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match &mut self.0 {
            Inner::Whole(bytes) => {
                let rest = bytes.as_slice();
                let chunk = rest[..rest.len().min(CHUNK)].to_vec();
                let Some(last) = chunk.len().checked_sub(1) else {
                    return Ok(None);
                };
                bytes.nth(last);
                Ok(Some(chunk))
            }
            Inner::Host(stream, _) => loop {
                match stream.blocking_read(CHUNK as u64) {
                    Ok(chunk) if chunk.is_empty() => {}
                    Ok(chunk) => return Ok(Some(chunk)),
                    Err(StreamError::Closed) => return Ok(None),
                    Err(StreamError::LastOperationFailed(error)) => {
                        // Not through the log service: a plugin that uses no service is a plain wasi:http component.
                        eprintln!("reading the body: {}", error.to_debug_string());
                        return Err(Error::bad_request("the body could not be read to its end"));
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_chunk_is_larger_than_promised() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut body = Body::whole(bytes.clone());
        let mut chunks = Vec::new();
        while let Some(chunk) = body.chunk().unwrap() {
            chunks.push(chunk);
        }
        let lengths: Vec<_> = chunks.iter().map(Vec::len).collect();
        assert_eq!(lengths, [65_536, 65_536, 65_536, 3_392]);
        assert_eq!(chunks.concat(), bytes);
        assert!(body.chunk().unwrap().is_none());
        assert_eq!(body.take_whole(), Some(Vec::new()));
    }
}
