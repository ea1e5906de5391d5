//! Which events a binding wants, beyond their routing key: filter policies as Amazon SNS has them.

use serde_json::{Map, Value};

use super::condition::Condition;
pub use super::condition::MAX_ELEMENTS;
use crate::error::Error;

/// Keys of one filter.
pub const MAX_FILTER_KEYS: usize = 5;
/// Values of all keys of a filter together.
pub const MAX_FILTER_VALUES: usize = 150;
/// The bytes of a filter as JSON: publishing reads those of all bindings of an exchange.
pub const MAX_FILTER_BYTES: usize = 16 * 1024;

/// A filter policy: an object that names keys and, for each, an array of what its value may be. All
/// keys must match; of a key's array, one entry is enough. Where the event has an array, one of its
/// elements is enough; one of more than [`MAX_ELEMENTS`] is there, and nobody looks into it.
///
/// ```
/// use veza_jobs::topic::Filter;
///
/// let policy = r#"{"country": ["AT", {"prefix": "D"}], "price": [{"numeric": [">=", 100, "<", 200]}]}"#;
/// let filter = Filter::parse(&serde_json::from_str(policy).unwrap()).unwrap();
/// let event = serde_json::json!({"country": "DE", "price": 150, "beds": 2});
/// assert!(filter.matches(event.as_object()));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    keys: Vec<(String, Vec<Condition>)>,
    policy: Value,
}

impl Filter {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the part of the policy that breaks a rule, below `/filter`.
    pub fn parse(policy: &Value) -> Result<Self, Error> {
        let Some(object) = policy.as_object().filter(|object| !object.is_empty()) else {
            return Err(Error::field("/filter", "type", "an object with at least one key"));
        };
        if policy.to_string().len() > MAX_FILTER_BYTES {
            return Err(Error::field("/filter", "too_long", "at most 16384 bytes of JSON"));
        }
        if object.len() > MAX_FILTER_KEYS {
            return Err(Error::field("/filter", "too_many", "at most 5 keys"));
        }
        let mut values = 0;
        let mut keys = Vec::new();
        for (key, wanted) in object {
            let field = format!("/filter/{}", escaped(key));
            let Some(wanted) = wanted.as_array().filter(|wanted| !wanted.is_empty()) else {
                return Err(Error::field(field, "type", "an array with at least one value"));
            };
            let mut conditions = Vec::new();
            for (place, value) in wanted.iter().enumerate() {
                let condition = Condition::parse(value, &format!("{field}/{place}"))?;
                values += condition.values();
                conditions.push(condition);
            }
            keys.push((key.clone(), conditions));
        }
        if values > MAX_FILTER_VALUES {
            return Err(Error::field("/filter", "too_many", "at most 150 values"));
        }
        Ok(Self { keys, policy: policy.clone() })
    }

    /// Whether something with these keys passes; what is no object has no keys.
    pub fn matches(&self, object: Option<&Map<String, Value>>) -> bool {
        self.keys.iter().all(|(key, conditions)| {
            let value = object.and_then(|object| object.get(key));
            conditions.iter().any(|condition| condition.matches(value))
        })
    }

    /// The policy as it was given.
    pub fn policy(&self) -> &Value {
        &self.policy
    }
}

/// A key as part of a JSON pointer (RFC 6901).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn passes(policy: Value, event: Value) -> bool {
        Filter::parse(&policy).unwrap().matches(event.as_object())
    }

    #[test]
    fn keys_are_and_values_are_or() {
        let policy = json!({"store": ["a", "b"], "paid": [true]});
        assert!(passes(policy.clone(), json!({"store": "b", "paid": true, "more": 1})));
        assert!(!passes(policy.clone(), json!({"store": "b", "paid": false})));
        assert!(!passes(policy.clone(), json!({"store": "c", "paid": true})));
        assert!(!passes(policy, json!({"store": "a"})));
        assert!(passes(json!({"gone": [null]}), json!({"gone": null})));
        assert!(!passes(json!({"gone": [null]}), json!({})));
    }

    #[test]
    fn one_element_of_an_array_is_enough() {
        assert!(passes(json!({"tags": ["x"]}), json!({"tags": ["y", "x"]})));
        assert!(!passes(json!({"tags": ["x"]}), json!({"tags": ["y"]})));
        // As with SNS: one element that is not on the list.
        assert!(passes(json!({"tags": [{"anything-but": ["x"]}]}), json!({"tags": ["x", "y"]})));
        assert!(!passes(json!({"tags": [{"anything-but": ["x"]}]}), json!({"tags": ["x"]})));
    }

    #[test]
    fn an_event_that_is_no_object_has_no_keys() {
        let absent = Filter::parse(&json!({"a": [{"exists": false}]})).unwrap();
        assert!(absent.matches(None));
        assert!(!Filter::parse(&json!({"a": [1]})).unwrap().matches(None));
    }

    #[test]
    fn a_bad_policy_is_refused_with_the_part_named() {
        let many: Vec<u32> = (0..151).collect();
        for (policy, field) in [
            (json!([]), "/filter"),
            (json!({}), "/filter"),
            (json!({"a": [1], "b": [1], "c": [1], "d": [1], "e": [1], "f": [1]}), "/filter"),
            (json!({"a": many}), "/filter"),
            (json!({"a": [{"anything-but": many}]}), "/filter"),
            (json!({"a": "x"}), "/filter/a"),
            (json!({"a/b": []}), "/filter/a~1b"),
            (json!({"a": [{"contains": "x"}]}), "/filter/a/0"),
            (json!({"a": [1, {"prefix": 7}]}), "/filter/a/1"),
            (json!({"a": [{"prefix": ""}]}), "/filter/a/0"),
            (json!({"a": [{"exists": "yes"}]}), "/filter/a/0"),
            (json!({"a": [{"anything-but": []}]}), "/filter/a/0"),
            (json!({"a": [{"numeric": [">"]}]}), "/filter/a/0"),
            (json!({"a": [{"numeric": ["<", 1, ">", 2]}]}), "/filter/a/0"),
            (json!({"a": [{"numeric": [">", 2, "<", 1]}]}), "/filter/a/0"),
            (json!({"a": [{"prefix": "x", "suffix": "y"}]}), "/filter/a/0"),
            (json!({"a": [["x"]]}), "/filter/a/0"),
        ] {
            let Err(Error::Invalid(fields)) = Filter::parse(&policy) else { panic!("{policy}") };
            assert_eq!(fields[0].field, field, "{policy}");
        }
        assert!(Filter::parse(&json!({"a": (0..150).collect::<Vec<u32>>()})).is_ok());
    }
}
