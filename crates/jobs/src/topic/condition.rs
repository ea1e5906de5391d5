//! What one value of an event may be: an entry of a filter policy.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::error::Error;

/// Elements of an event's array into which filters look: an exchange may have a thousand filters of 150
/// values, and a publisher sends a million elements in no time.
pub const MAX_ELEMENTS: usize = 256;

/// An entry of a filter policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Exact(Value),
    Prefix(String),
    Suffix(String),
    EqualsIgnoreCase(String),
    AnythingBut(Vec<Condition>),
    Numeric(Vec<(Comparison, Number)>),
    Exists(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Condition {
    pub(crate) fn parse(value: &Value, field: &str) -> Result<Self, Error> {
        let refused = |rule: &'static str| Error::field(field.to_owned(), "filter", rule);
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Self::Exact(value.clone()))
            }
            Value::Array(_) => Err(refused("a string, a number, true, false, null or an object")),
            Value::Object(object) => {
                let mut entries = object.iter();
                match (entries.next(), entries.next()) {
                    (Some((name, operand)), None) => Self::operator(name, operand).map_err(refused),
                    _ => Err(refused("an object with one key, the name of the operator")),
                }
            }
        }
    }

    fn operator(name: &str, operand: &Value) -> Result<Self, &'static str> {
        match name {
            "prefix" => text(operand).map(Self::Prefix),
            "suffix" => text(operand).map(Self::Suffix),
            "equals-ignore-case" => text(operand).map(|text| Self::EqualsIgnoreCase(folded(&text).collect())),
            "exists" => operand.as_bool().map(Self::Exists).ok_or("true or false"),
            "numeric" => numeric(operand).map(Self::Numeric),
            "anything-but" => anything_but(operand).map(Self::AnythingBut),
            _ => Err("one of anything-but, equals-ignore-case, exists, numeric, prefix, suffix"),
        }
    }

    /// How many values it counts for.
    pub(crate) fn values(&self) -> usize {
        match self {
            Self::AnythingBut(others) => others.len(),
            _ => 1,
        }
    }

    /// Whether the value of an event, if it has one, is meant.
    pub(crate) fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Exists(wanted), value) => value.is_some() == *wanted,
            (_, None) => false,
            (_, Some(Value::Array(elements))) => {
                elements.len() <= MAX_ELEMENTS && elements.iter().any(|element| self.is(element))
            }
            (_, Some(value)) => self.is(value),
        }
    }

    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Exact(Value::Number(wanted)), Value::Number(number)) => {
                compare(number, wanted) == Some(Ordering::Equal)
            }
            (Self::Exact(wanted), value) => wanted == value,
            (Self::Prefix(prefix), Value::String(text)) => text.starts_with(prefix.as_str()),
            (Self::Suffix(suffix), Value::String(text)) => text.ends_with(suffix.as_str()),
            (Self::EqualsIgnoreCase(wanted), Value::String(text)) => folded(text).eq(wanted.chars()),
            (Self::AnythingBut(others), value) => !others.iter().any(|other| other.is(value)),
            (Self::Numeric(bounds), Value::Number(number)) => {
                bounds.iter().all(|(comparison, bound)| comparison.holds(compare(number, bound)))
            }
            _ => false,
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::More,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    fn holds(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        })
    }
}

/// A text without its case, character by character: who compares stops at the first that differs.
fn folded(text: &str) -> impl Iterator<Item = char> {
    // The small sigma has another form at the end of a word.
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c })
}

/// Whole numbers exactly, others as floats.
fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (a.as_u64(), b.as_u64()) {
        return Some(a.cmp(&b));
    }
    a.as_f64()?.partial_cmp(&b.as_f64()?)
}

fn text(operand: &Value) -> Result<String, &'static str> {
    operand.as_str().filter(|text| !text.is_empty()).map(str::to_owned).ok_or("a string that is not empty")
}

/// `["=", 7]`, `[">", 1]` or `[">=", 1, "<", 2]`.
fn numeric(operand: &Value) -> Result<Vec<(Comparison, Number)>, &'static str> {
    const RULE: &str = "a comparison and a number, or a lower and then an upper bound above it";
    let list = operand.as_array().ok_or(RULE)?;
    let mut bounds = Vec::new();
    for pair in list.chunks(2) {
        let [Value::String(comparison), Value::Number(number)] = pair else { return Err(RULE) };
        bounds.push((Comparison::parse(comparison).ok_or(RULE)?, number.clone()));
    }
    let good = match bounds.as_slice() {
        [_] => true,
        [(lower, low), (upper, high)] => {
            matches!(lower, Comparison::More | Comparison::AtLeast)
                && matches!(upper, Comparison::Less | Comparison::AtMost)
                && compare(low, high) == Some(Ordering::Less)
        }
        _ => false,
    };
    if good { Ok(bounds) } else { Err(RULE) }
}

/// A value, a list of values, or `{"prefix": …}` or `{"suffix": …}`.
fn anything_but(operand: &Value) -> Result<Vec<Condition>, &'static str> {
    const RULE: &str = "a string or number, a list of them, or an object with prefix or suffix";
    let exact = |value: &Value| match value {
        Value::String(_) | Value::Number(_) => Ok(Condition::Exact(value.clone())),
        _ => Err(RULE),
    };
    match operand {
        Value::Array(values) if !values.is_empty() => values.iter().map(exact).collect(),
        Value::Object(object) if object.len() == 1 => object
            .iter()
            .map(|(name, operand)| match name.as_str() {
                "prefix" | "suffix" => Condition::operator(name, operand),
                _ => Err(RULE),
            })
            .collect(),
        value => exact(value).map(|condition| vec![condition]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn is(condition: &Value, value: &Value) -> bool {
        Condition::parse(condition, "").unwrap().matches(Some(value))
    }

    #[test]
    fn texts() {
        assert!(is(&json!({"prefix": "ab"}), &json!("abc")) && !is(&json!({"prefix": "ab"}), &json!("cab")));
        assert!(is(&json!({"suffix": "bc"}), &json!("abc")) && !is(&json!({"suffix": "ab"}), &json!("abc")));
        assert!(is(&json!({"equals-ignore-case": "ÄB"}), &json!("äb")));
        assert!(is(&json!({"equals-ignore-case": "ΟΔΟΣ"}), &json!("οδος")));
        assert!(!is(&json!({"equals-ignore-case": "ab"}), &json!("abc")));
        assert!(!is(&json!({"prefix": "1"}), &json!(12)), "a number is no text");
        assert!(
            !is(&json!("1"), &json!(1)) && !is(&json!(1), &json!("1")) && !is(&json!(true), &json!("true"))
        );
    }

    #[test]
    fn all_but_some() {
        assert!(
            is(&json!({"anything-but": "a"}), &json!("b")) && !is(&json!({"anything-but": "a"}), &json!("a"))
        );
        assert!(
            is(&json!({"anything-but": [1, 2]}), &json!(3))
                && !is(&json!({"anything-but": [1, 2]}), &json!(2.0))
        );
        let prefix = json!({"anything-but": {"prefix": "test-"}});
        assert!(is(&prefix, &json!("live-1")) && !is(&prefix, &json!("test-1")));
        assert!(!Condition::parse(&prefix, "").unwrap().matches(None), "what is absent is nothing");
    }

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        assert!(is(&json!(1), &json!(1.0)) && is(&json!(1e3), &json!(1000)));
        // As floats these would be equal.
        assert!(!is(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)));
        assert!(is(&json!({"numeric": ["=", 18_446_744_073_709_551_615_u64]}), &json!(u64::MAX)));
    }

    proptest! {
        #[test]
        fn ranges_hold_what_is_between_their_bounds(low in -50_i32..50, width in 1_i32..50, x in -120_i32..120) {
            let high = low + width;
            let x = f64::from(x) / 2.0;
            let (from, to) = (f64::from(low), f64::from(high));
            prop_assert_eq!(is(&json!({"numeric": [">=", low, "<", high]}), &json!(x)), (from..to).contains(&x));
            prop_assert_eq!(is(&json!({"numeric": [">", low, "<=", high]}), &json!(x)), x > from && x <= to);
            prop_assert_eq!(is(&json!({"numeric": ["=", low]}), &json!(x)), (x - from).abs() < 0.1);
        }

        #[test]
        fn anything_but_is_the_opposite(listed in prop::collection::vec(0..5_u8, 1..4), x in 0..5_u8) {
            let out = is(&json!({"anything-but": listed}), &json!(x));
            prop_assert_eq!(out, !listed.contains(&x));
        }
    }
}
