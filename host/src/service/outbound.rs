//! `wasi:http/outgoing-handler`: requests from a plugin to other servers. None is granted: each is refused with
//! `HTTP-request-denied`. And how much of a body that a guest writes, of a request or an answer, waits in the host.

use http::{HeaderName, Request, Response};
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody,
    WasiHttpHooks,
};

/// Bytes that a guest may write at once to the first body of a call. Two such writes wait in the host.
const CHUNK: usize = 256 << 10;
/// The least, however many bodies there are.
const LEAST: usize = 1 << 10;

/// One an instance; the filter is made once.
#[derive(Clone)]
pub struct Ctx {
    forbidden: ForbiddenHeaderFilter,
    /// Bodies of this call. A second one is rare: the more there are, the less each may hold, so that all that one
    /// instance can have (10,000 handles) hold 25 MiB.
    bodies: usize,
}

impl Ctx {
    pub fn new() -> Self {
        Self {
            forbidden: std::sync::Arc::new(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name)),
            bodies: 0,
        }
    }

    /// From here on bodies are those of the next call.
    pub fn begin(&mut self) {
        self.bodies = 0;
    }
}

impl Default for Ctx {
    fn default() -> Self {
        Self::new()
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Ctx {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        self.forbidden.clone()
    }

    /// Asked once for each body.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        self.bodies += 1;
        (CHUNK / self.bodies).max(LEAST)
    }

    fn send_request(
        &mut self,
        _request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _io: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
