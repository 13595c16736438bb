//! RSA keys: every form of file, the answers OpenSSL gives, and all that can be wrong.
#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod fixtures;
mod forms;
mod openssl;
mod refused;
mod ring;
mod signatures;
