//! The attributes of `veza-testing`, which re-exports and documents them.

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

mod function;

use self::function::Function;

/// A test with two tenants of its own in a database that all tests share.
///
/// Options: `clock = "manual"` (or `"system"`, the default) and `migrator = path`, a
/// `fn() -> Migrator`.
#[proc_macro_attribute]
pub fn tenant_test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand("TenantTest", options, item)
}

/// A test with a database of its own. Options as for `tenant_test`.
#[proc_macro_attribute]
pub fn db_test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand("DbTest", options, item)
}

fn expand(fixture: &str, options: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = parse_options(options).and_then(|options| Ok((options, Function::parse(item)?)));
    match parsed {
        Err(Refusal(span, reason)) => refuse(span, reason),
        Ok((options, function)) => {
            // The inner function keeps its tokens and so its spans; only the frame is new.
            let frame = format!(
                "::veza_testing::{fixture}::run(::veza_testing::Options::default(){options}, {})",
                function.name
            );
            match frame.parse::<TokenStream>() {
                Ok(call) => function.wrap(call),
                Err(_) => refuse(Span::call_site(), "an option that is no expression"),
            }
        }
    }
}

/// Where and why an attribute cannot be used.
pub(crate) struct Refusal(pub(crate) Span, pub(crate) &'static str);

/// `clock = "manual", migrator = path` as calls of the methods of `Options`.
fn parse_options(options: TokenStream) -> Result<String, Refusal> {
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

fn refuse(span: Span, reason: &str) -> TokenStream {
    let error = format!("::core::compile_error! {{ {reason:?} }}").parse::<TokenStream>();
    error.unwrap_or_default().into_iter().map(|token| at(token, span)).collect()
}

fn at(mut token: TokenTree, span: Span) -> TokenTree {
    token.set_span(span);
    token
}
