//! What stands in an attribute's parentheses.

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

/// Where and why an attribute cannot be used.
pub(crate) struct Refusal(pub(crate) Span, pub(crate) &'static str);

/// `clock = "manual", migrator = path` as calls of the methods of `Options`.
pub(crate) fn parse_options(options: TokenStream) -> Result<String, Refusal> {
    let mut calls = String::new();
    let mut tokens = options.into_iter().peekable();
    while let Some(name) = tokens.next() {
        let span = name.span();
        let equals = tokens.next();
        let value: TokenStream = std::iter::from_fn(|| tokens.next_if(|token| !is(token, ','))).collect();
        let _comma = tokens.next();
        if !equals.as_ref().is_some_and(|token| is(token, '=')) || value.is_empty() {
            return Err(Refusal(span, "options are written `name = value`"));
        }
        match (name.to_string().as_str(), value.to_string().as_str()) {
            ("clock", "\"manual\"") => calls.push_str(".manual_clock()"),
            ("clock", "\"system\"") => {}
            ("clock", _) => return Err(Refusal(span, "the clock is \"manual\" or \"system\"")),
            ("migrator", path) => calls = format!("{calls}.migrator({path})"),
            _ => return Err(Refusal(span, "the options are `clock` and `migrator`")),
        }
    }
    Ok(calls)
}

pub(crate) fn is(token: &TokenTree, punctuation: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punctuation)
}

pub(crate) fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(found) if found.delimiter() == delimiter)
}
