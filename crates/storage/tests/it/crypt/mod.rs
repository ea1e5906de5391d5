//! Encryption, down to the backend.

mod blob;
mod root;
