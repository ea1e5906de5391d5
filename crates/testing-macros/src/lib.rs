//! The attributes of `veza-testing`, which re-exports and documents them.

use proc_macro::{Span, TokenStream, TokenTree};

mod function;
mod options;

use self::function::Function;
use self::options::{Refusal, parse_options};

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

fn refuse(span: Span, reason: &str) -> TokenStream {
    let error = format!("::core::compile_error! {{ {reason:?} }}").parse::<TokenStream>();
    error.unwrap_or_default().into_iter().map(|token| at(token, span)).collect()
}

fn at(mut token: TokenTree, span: Span) -> TokenTree {
    token.set_span(span);
    token
}
