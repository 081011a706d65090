//! The host's log. Each line carries the plugin, its build and the id of the request, and the module it came from.
//!
//! ```
//! use greenroom_sdk::log;
//! log::info!("imported {} rows", 5);
//! ```

use crate::bindings::{greenroom::logging::threshold, wasi::logging::logging};
use std::{cell::Cell, fmt::Arguments};

pub use crate::bindings::wasi::logging::logging::Level;
#[doc(inline)]
pub use crate::{
    __debug as debug, __error as error, __info as info, __trace as trace, __warn as warn,
};

/// Whether anybody reads lines of this level. The macros make up a line's text only where somebody does; ask first
/// where finding out what to say is itself work. Outside of a component the answer is always yes.
pub fn enabled(level: Level) -> bool {
    thread_local! {
        /// The host's answer, which holds for as long as the instance lives.
        static THRESHOLD: Cell<Option<Option<Level>>> = const { Cell::new(None) };
    }
    if !cfg!(target_arch = "wasm32") {
        return true;
    }
    let threshold = THRESHOLD.get().unwrap_or_else(|| {
        let answer = threshold::get();
        THRESHOLD.set(Some(answer));
        answer
    });
    threshold.is_some_and(|least| level as u8 >= least as u8)
}

/// Writes a line; the macros of this module call it. Outside of a component (in a unit test) it goes to standard error.
pub fn write(level: Level, context: &str, message: Arguments<'_>) {
    if cfg!(target_arch = "wasm32") {
        logging::log(level, context, &message.to_string());
    } else {
        eprintln!("{level:?} {context}: {message}");
    }
}

/// For following the program's steps.
#[doc(hidden)]
#[macro_export]
macro_rules! __trace {
    ($($text:tt)*) => {
        if $crate::log::enabled($crate::log::Level::Trace) {
            $crate::log::write($crate::log::Level::Trace, ::core::module_path!(), ::core::format_args!($($text)*));
        }
    };
}

/// For finding a fault.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($text:tt)*) => {
        if $crate::log::enabled($crate::log::Level::Debug) {
            $crate::log::write($crate::log::Level::Debug, ::core::module_path!(), ::core::format_args!($($text)*));
        }
    };
}

/// What happened, for whoever watches the plugin.
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($text:tt)*) => {
        if $crate::log::enabled($crate::log::Level::Info) {
            $crate::log::write($crate::log::Level::Info, ::core::module_path!(), ::core::format_args!($($text)*));
        }
    };
}

/// What may become a fault.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($text:tt)*) => {
        if $crate::log::enabled($crate::log::Level::Warn) {
            $crate::log::write($crate::log::Level::Warn, ::core::module_path!(), ::core::format_args!($($text)*));
        }
    };
}

/// What failed.
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($text:tt)*) => {
        if $crate::log::enabled($crate::log::Level::Error) {
            $crate::log::write($crate::log::Level::Error, ::core::module_path!(), ::core::format_args!($($text)*));
        }
    };
}
