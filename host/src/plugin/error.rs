//! Why a request got no answer from a plugin. The status it turns into is decided in `http`; the details went to the log,
//! with the request id, where they happened.

/// Small on purpose: what a client may learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The path is not open to requests without credentials.
    #[error("the path is not open")]
    Closed,
    /// No build of the plugin is live.
    #[error("no build is live")]
    Unavailable,
    /// Too many requests run and wait already, or this one waited too long for its turn.
    #[error("too many requests")]
    Overloaded,
    /// The plugin did not answer within its time.
    #[error("the plugin ran out of time")]
    TimedOut,
    /// The plugin trapped: a panic, an exhausted stack or memory, an illegal instruction.
    #[error("the plugin trapped")]
    Trapped,
    /// The plugin ended without an answer, or with one that is no valid HTTP.
    #[error("the plugin gave no valid answer")]
    BadAnswer,
    /// The request's body passed the plugin's limit while it was streamed in.
    #[error("the request body is too large")]
    BodyTooLarge,
    /// The request's body broke off or could not be decoded.
    #[error("the request body broke off")]
    BodyBroken,
}
