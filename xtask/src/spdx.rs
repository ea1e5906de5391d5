//! Licence expressions: <https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>.

/// True when a subset of `allowed` satisfies the expression. False when it cannot be read.
pub(crate) fn satisfied(expression: &str, allowed: &[String]) -> bool {
    // Old manifests write `MIT/Apache-2.0`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let verdict = parser.any();
    parser.words.is_empty() && verdict == Some(true)
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl<'a> Parser<'a> {
    /// `all (OR all)*`
    fn any(&mut self) -> Option<bool> {
        let mut verdict = self.all()?;
        while self.skip("OR") {
            verdict |= self.all()?;
        }
        Some(verdict)
    }

    /// `one (AND one)*`
    fn all(&mut self) -> Option<bool> {
        let mut verdict = self.one()?;
        while self.skip("AND") {
            verdict &= self.one()?;
        }
        Some(verdict)
    }

    /// `( any )`, or an identifier with or without an exception.
    fn one(&mut self) -> Option<bool> {
        let word = self.next()?;
        if word == "(" {
            let verdict = self.any()?;
            return self.skip(")").then_some(verdict);
        }
        let name = if self.skip("WITH") { format!("{word} WITH {}", self.next()?) } else { word.to_owned() };
        Some(self.allowed.contains(&name))
    }

    fn next(&mut self) -> Option<&'a str> {
        let (word, rest) = self.words.split_first()?;
        self.words = rest;
        Some(word)
    }

    fn skip(&mut self, expected: &str) -> bool {
        let found = self.words.first() == Some(&expected);
        if found {
            self.next();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(expression: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
        satisfied(expression, &allowed.map(str::to_owned))
    }

    #[test]
    fn one_of_several_is_enough_and_all_of_several_are_needed() {
        assert!(verdict("MIT"));
        assert!(verdict("GPL-3.0 OR MIT"));
        assert!(verdict("MIT/GPL-3.0"));
        assert!(verdict("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(verdict("GPL-2.0 OR Apache-2.0 WITH LLVM-exception"));
        assert!(!verdict("MIT AND GPL-3.0"));
        assert!(!verdict("GPL-3.0"));
        assert!(!verdict("MIT WITH Classpath-exception-2.0"));
    }

    #[test]
    fn what_cannot_be_read_is_not_allowed() {
        for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0"] {
            assert!(!verdict(broken), "{broken}");
        }
    }
}
