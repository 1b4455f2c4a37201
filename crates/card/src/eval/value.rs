//! The value of a metric, which people write as a number, a text with a sign, or something else.

use serde_json::Value;

/// Larger numbers are mistakes, not measurements.
const VALUE_MAX: f64 = 1.0e15;

/// The number and how it is written, or why it is none.
pub(super) fn number(value: &Value) -> Result<(f64, String), &'static str> {
    let (number, text) = match value {
        Value::Null => return Err("is no number (blank, NaN or infinite)"),
        Value::Number(number) => {
            (number.as_f64().ok_or("is no number that fits")?, number.to_string())
        }
        Value::String(text) => {
            let text: String = text.trim().chars().take(64).collect();
            (leading(&text).ok_or("is no number")?, text)
        }
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err("is not one number"),
    };
    if !number.is_finite() || number.abs() > VALUE_MAX {
        return Err("is too large to be a measurement, or no number");
    }
    Ok((number, text))
}

/// The number at the start of a text, as in `91.2%` and `0.91 ± 0.02`.
fn leading(text: &str) -> Option<f64> {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let rest = text[end..].trim_start();
    let fits = rest.is_empty() || rest.starts_with(['%', '±', '(', '/']) || rest.starts_with("+/-");
    if !fits || !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // `0.91+/-0.02` without spaces.
    let head = &text[..end];
    let head = head.split_once("+/").map_or(head, |(head, _)| head).trim_end_matches('+');
    head.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        let cases = [
            (json!(0.912), Some(0.912)),
            (json!(91), Some(91.0)),
            (json!("91.2%"), Some(91.2)),
            (json!(" 0.91 ± 0.02 "), Some(0.91)),
            (json!("0.91+/-0.02"), Some(0.91)),
            (json!("-1.5e-3"), Some(-0.0015)),
            (json!("12 (macro)"), Some(12.0)),
            (json!("nan"), None),
            (json!("1e999"), None),
            (json!("inf"), None),
            (json!("high"), None),
            (json!("12 apples"), None),
            (json!(""), None),
            (json!(null), None),
            (json!(true), None),
            (json!([1.0]), None),
            (json!({"rouge1": 1.0}), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
        ];
        for (value, expected) in cases {
            assert_eq!(number(&value).ok().map(|(number, _)| number), expected, "{value}");
        }
        assert_eq!(number(&json!("91.2%")).unwrap().1, "91.2%");
    }
}
