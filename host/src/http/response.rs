//! From a plugin's answer, or the host's own, to what goes on the wire.

mod clean;
mod finish;
mod stamp;

pub(super) use clean::clean;
pub(super) use finish::finish;

use super::{Shared, access::Arrived, compress, request_id::RequestId};
use http::{HeaderValue, Method, Uri};

/// What the answer needs to know of its request.
pub(super) struct Asked<'a> {
    pub(super) shared: &'a Shared,
    pub(super) method: Method,
    /// As the client sent it.
    pub(super) target: Uri,
    pub(super) id: RequestId,
    pub(super) accepted: Option<compress::Accepted>,
    pub(super) if_none_match: Vec<HeaderValue>,
    pub(super) origin: Option<HeaderValue>,
    /// A trusted proxy says that the client came by https.
    pub(super) https: bool,
    /// For its line in the log, where it has one.
    pub(super) arrived: Option<Box<Arrived>>,
}
