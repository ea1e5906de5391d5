//! A permit is the proof of a check.

use std::marker::PhantomData;
use veza_core::{Caller, Permit};

enum Read {}

fn forge(caller: Caller) -> Permit<Read> {
    Permit { caller, permission: PhantomData }
}

fn main() {}
