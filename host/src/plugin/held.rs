//! What an instance's handles keep in the host, outside of its linear memory: counted on every tick on which its guest
//! runs, since no call that makes or fills them has a bound of its own but for one set of headers.

use http::HeaderMap;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    FieldMap,
    p2::{
        bindings::http::types::{Method, Scheme},
        types::{HostOutgoingRequest, HostOutgoingResponse},
    },
};

/// Bytes that all of an instance's handles may keep together. One call brings 16 MiB at most, so that much more is there
/// for a tick.
const MOST: usize = 16 << 20;
/// What handles of a call may keep when it has ended, for another one to be begun in the instance: bytes, and handles.
const LEFT: usize = 1 << 20;
const LEFT_HANDLES: usize = 64;

/// The guest keeps too much in the host.
#[derive(Debug, thiserror::Error)]
#[error("the plugin's handles keep more than {} MiB in the host: drop requests, answers and headers that are not needed any more", MOST >> 20)]
pub(super) struct Hoard;

/// While the guest runs.
pub(super) fn check(table: &mut ResourceTable) -> Result<(), Hoard> {
    if kept(table).1 > MOST {
        return Err(Hoard);
    }
    Ok(())
}

/// After a call.
pub(super) fn is_little(table: &mut ResourceTable) -> bool {
    let (handles, bytes) = kept(table);
    handles <= LEFT_HANDLES && bytes <= LEFT
}

/// Handles, and the bytes of those whose size a guest decides. What is shared by some counts for each.
fn kept(table: &mut ResourceTable) -> (usize, usize) {
    let (mut handles, mut bytes) = (0, 0_usize);
    for entry in table.iter_mut() {
        handles += 1;
        bytes += if let Some(request) = entry.downcast_ref::<HostOutgoingRequest>() {
            of_request(request)
        } else if let Some(response) = entry.downcast_ref::<HostOutgoingResponse>() {
            of_headers(&response.headers)
        } else if let Some(fields) = entry.downcast_ref::<FieldMap>() {
            of_headers(fields)
        } else {
            0
        };
    }
    (handles, bytes)
}

fn of_request(request: &HostOutgoingRequest) -> usize {
    let method = match &request.method {
        Method::Other(method) => method.len(),
        _ => 0,
    };
    let scheme = match &request.scheme {
        Some(Scheme::Other(scheme)) => scheme.len(),
        _ => 0,
    };
    let texts = [&request.authority, &request.path_with_query];
    let texts = texts.into_iter().flatten().map(String::len).sum::<usize>();
    method + scheme + texts + of_headers(&request.headers)
}

/// As wasmtime-wasi-http counts them: a field takes more than its texts.
fn of_headers(headers: &HeaderMap) -> usize {
    let field = size_of::<http::HeaderName>() + size_of::<http::HeaderValue>();
    let texts = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    texts.sum::<usize>() + headers.len() * field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_handles_keep_is_counted_and_goes_with_them() {
        let mut table = ResourceTable::new();
        assert!(is_little(&mut table));
        let mut all = Vec::new();
        for _ in 0..4 {
            let long = Some("x".repeat(5 << 20));
            let request = HostOutgoingRequest {
                method: Method::Get,
                scheme: None,
                authority: long,
                path_with_query: None,
                headers: FieldMap::default(),
                body: None,
            };
            all.push(table.push(request).unwrap());
            assert_eq!(check(&mut table).is_ok(), all.len() < 4);
            assert!(!is_little(&mut table));
        }
        for request in all {
            table.delete(request).unwrap();
        }
        assert!(check(&mut table).is_ok() && is_little(&mut table));
        for number in 0..=LEFT_HANDLES {
            assert!(is_little(&mut table), "{number}");
            table.push(FieldMap::default()).unwrap();
        }
        assert!(!is_little(&mut table));
    }

    #[test]
    fn headers_count_with_what_a_field_takes() {
        let mut headers = HeaderMap::new();
        assert_eq!(of_headers(&headers), 0);
        headers.append("name", http::HeaderValue::from_static("value"));
        headers.append("name", http::HeaderValue::from_static(""));
        assert!(
            of_headers(&headers) > 13 + 2 * 32,
            "{}",
            of_headers(&headers)
        );
    }
}
