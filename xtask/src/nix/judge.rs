//! Wrong configurations, and whether they are refused for their reason.

use serde_json::Value;

use super::eval::Tree;
use crate::Outcome;

pub(crate) fn assertions(tree: &Tree) -> Outcome {
    let cases = tree.value("assertions")?;
    let cases =
        cases.as_object().filter(|cases| cases.len() > 1).ok_or("nix/checks: there are no assertions")?;
    let mistakes: Vec<String> = cases
        .iter()
        .filter_map(|(name, case)| complaint(case).map(|what| format!("{name}: {what}")))
        .collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

/// What is wrong with one case: exactly one thing must be said, the right one; or nothing.
fn complaint(case: &Value) -> Option<String> {
    let said: Vec<&str> = case.get("said")?.as_array()?.iter().filter_map(Value::as_str).collect();
    match (case.get("should").and_then(Value::as_str), said.as_slice()) {
        (None, []) => None,
        (Some(should), [one]) if one.contains(should) => None,
        (Some(should), []) => Some(format!("nothing was said, and should: {should}")),
        (should, said) => Some(format!("was said: {said:?}; should: {should:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_right_thing_must_be_said() {
        let judge =
            |should: Value, said: Value| complaint(&serde_json::json!({ "should": should, "said": said }));
        assert_eq!(judge(Value::Null, serde_json::json!([])), None);
        assert_eq!(judge("no key".into(), serde_json::json!(["there is no key"])), None);
        assert!(judge("no key".into(), serde_json::json!([])).is_some());
        assert!(judge("no key".into(), serde_json::json!(["no door"])).is_some());
        assert!(judge("no key".into(), serde_json::json!(["no key", "no door"])).is_some());
        assert!(judge(Value::Null, serde_json::json!(["no key"])).is_some());
    }
}
