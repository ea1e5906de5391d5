//! `async fn name(t: …) -> … { … }`, taken apart as far as needed: no parser to compile.

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::options::{Refusal, is, is_group};

/// An asynchronous test function.
pub(crate) struct Function {
    pub(crate) name: TokenTree,
    /// `#[ignore]` and its like, which belong to the test.
    attributes: TokenStream,
    /// `-> Result<…>`, or nothing.
    output: TokenStream,
    /// The function without its attributes.
    item: TokenStream,
}

impl Function {
    pub(crate) fn parse(item: TokenStream) -> Result<Self, Refusal> {
        let mut tokens: Vec<TokenTree> = item.into_iter().collect();
        let mut attributes = 0;
        while tokens.get(attributes).is_some_and(|token| is(token, '#')) {
            attributes += 2;
        }
        let rest = tokens.split_off(attributes.min(tokens.len()));
        let position = |word: &str| rest.iter().position(|token| token.to_string() == word);
        let (Some(_), Some(keyword)) = (position("async"), position("fn")) else {
            return Err(Refusal(Span::call_site(), "the test must be an `async fn`"));
        };
        let name = rest.get(keyword + 1).cloned();
        let output = rest
            .iter()
            .skip(keyword + 2)
            .skip_while(|token| !is_group(token, Delimiter::Parenthesis))
            .skip(1)
            .take_while(|token| !is_group(token, Delimiter::Brace))
            .cloned()
            .collect();
        let name = name.ok_or(Refusal(Span::call_site(), "the test needs a name"))?;
        Ok(Self { name, attributes: tokens.into_iter().collect(), output, item: rest.into_iter().collect() })
    }

    /// The test: a plain function that holds this one and ends in `call`.
    pub(crate) fn wrap(self, call: TokenStream) -> TokenStream {
        // A test of the database alone has nothing to wait for.
        let quiet = r#"#[allow(clippy::unused_async, reason = "a test")]"#;
        let mut body: TokenStream = quiet.parse().unwrap_or_default();
        body.extend(self.item);
        body.extend(call);
        let head: TokenStream = "#[::core::prelude::v1::test] fn".parse().unwrap_or_default();
        let parentheses = Group::new(Delimiter::Parenthesis, TokenStream::new());
        let mut test = self.attributes;
        test.extend(head);
        test.extend([self.name, parentheses.into()]);
        test.extend(self.output);
        test.extend([TokenTree::from(Group::new(Delimiter::Brace, body))]);
        test
    }
}
