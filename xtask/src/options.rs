//! Arguments of the small commands.

use crate::Outcome;

/// True for `--check`, and nothing else is allowed.
pub(crate) fn check(arguments: &[String]) -> Outcome<bool> {
    match arguments {
        [] => Ok(false),
        [one] if one == "--check" => Ok(true),
        _ => Err(format!("only `--check` is known here, not `{}`", arguments.join(" "))),
    }
}

/// No arguments.
pub(crate) fn none(arguments: &[String]) -> Outcome {
    arguments
        .first()
        .map_or(Ok(()), |word| Err(format!("this command takes no arguments, not even `{word}`")))
}
