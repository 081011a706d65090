//! Why a credential gives no principal.

use std::sync::Arc;

/// What is said of it in the log is one of a fixed set of texts, so that nothing of a token gets there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 401. The text is for the log.
    #[error("{0}")]
    Invalid(&'static str),
    /// 403: `accessRestrictions` leave it nothing here. Holds the answer's message.
    #[error("{0}")]
    Restricted(Arc<str>),
    /// 503: its issuer's keys are not here and cannot be had.
    #[error("the keys of its issuer cannot be had")]
    Unreachable,
}
