//! What of an event is worth keeping beside its columns: a bounded part of what the app attached to it. What goes beyond the
//! bounds is left out and counted, so that an event is stored without its ballast rather than refused for it.

use serde_json::{Map, Value};

use super::native::cut;

/// All of an event's properties.
const BYTES_MAX: usize = 14 << 10;
/// A text in them.
pub(super) const PROPERTY_TEXT_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 128;
const FIELDS_MAX: usize = 100;
const ITEMS_MAX: usize = 50;
/// Below a property; the judge takes ten levels.
const DEPTH_MAX: usize = 6;

/// The properties of an event.
#[derive(Default)]
pub(super) struct Kept {
    fields: Map<String, Value>,
    bytes: usize,
    /// How many values were left out.
    left_out: u64,
}

impl Kept {
    /// Keeps a value, cut to what there is room for. Call it for what matters most first.
    pub(super) fn put(&mut self, name: &str, value: &Value) {
        if let Some(value) = self.pruned(value, 0) {
            self.insert(name, value);
        }
    }

    /// Keeps a text, if there is one.
    pub(super) fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.insert(name, Value::from(cut(text, PROPERTY_TEXT_BYTES_MAX)));
        }
    }

    /// Keeps a value that is in bounds by itself, if there is room.
    fn insert(&mut self, name: &str, value: Value) {
        let bytes = name.len() + json_bytes(&value);
        if self.bytes + bytes > BYTES_MAX {
            self.left_out += 1;
            return;
        }
        self.bytes += bytes;
        self.fields.insert(name.to_owned(), value);
    }

    /// Keeps the fields of an object under one name, each as long as there is room.
    pub(super) fn object<'v>(&mut self, name: &str, fields: impl IntoIterator<Item = (&'v String, &'v Value)>) {
        let mut kept = Map::new();
        for (field, value) in fields {
            let Some(value) = self.pruned(value, 1) else { continue };
            let bytes = field.len() + json_bytes(&value);
            if self.bytes + bytes > BYTES_MAX || kept.len() == FIELDS_MAX || field.len() > NAME_BYTES_MAX {
                self.left_out += 1;
                continue;
            }
            self.bytes += bytes;
            kept.insert(field.clone(), value);
        }
        if !kept.is_empty() {
            self.fields.insert(name.to_owned(), Value::Object(kept));
        }
    }

    /// Counts what the caller leaves out itself.
    pub(super) fn leave_out(&mut self, count: usize) {
        self.left_out += count as u64;
    }

    /// Returns the properties, and how many values were left out.
    pub(super) fn finish(self) -> (Map<String, Value>, u64) {
        (self.fields, self.left_out)
    }

    /// Returns a value in bounds; none for null, and for what lies too deep.
    fn pruned(&mut self, value: &Value, depth: usize) -> Option<Value> {
        match value {
            Value::Null => None,
            Value::Bool(_) | Value::Number(_) => Some(value.clone()),
            Value::String(text) => Some(Value::from(cut(text, PROPERTY_TEXT_BYTES_MAX))),
            Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => {
                self.left_out += 1;
                None
            }
            Value::Array(items) => {
                self.left_out += items.len().saturating_sub(ITEMS_MAX) as u64;
                Some(items.iter().take(ITEMS_MAX).filter_map(|item| self.pruned(item, depth + 1)).collect())
            }
            Value::Object(fields) => {
                self.left_out += fields.len().saturating_sub(FIELDS_MAX) as u64;
                let fields = fields.iter().filter(|(name, _)| name.len() <= NAME_BYTES_MAX).take(FIELDS_MAX);
                let kept: Map<String, Value> =
                    fields.filter_map(|(name, value)| Some((name.clone(), self.pruned(value, depth + 1)?))).collect();
                Some(Value::Object(kept))
            }
        }
    }
}

/// Returns a value cut to what a property may be; none for null.
pub(super) fn pruned(value: &Value) -> Option<Value> {
    Kept::default().pruned(value, 0)
}

/// Returns how long a value is as JSON, without writing it down: events hold hundreds that are measured.
fn json_bytes(value: &Value) -> usize {
    struct Counted(usize);
    impl std::io::Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    serde_json::to_writer(&mut counted, value).expect("counting never fails, and names of JSON are texts");
    counted.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_as_long_as_it_is_written() {
        for value in [json!(null), json!("é\n\"x"), json!([1, -2.5, true, {"a": "b", "c": []}])] {
            assert_eq!(json_bytes(&value), value.to_string().len(), "{value}");
        }
    }

    #[test]
    fn what_is_too_deep_too_long_or_too_much_is_left_out_and_counted() {
        let mut kept = Kept::default();
        let deep = (0..20).fold(json!(1), |inner, _| json!({ "a": inner }));
        kept.put("deep", &deep);
        kept.put("null", &json!(null));
        kept.put("long", &json!("é".repeat(5_000)));
        kept.put("wide", &json!(vec![1; 500]));
        let many: Map<String, Value> = (0..300).map(|number| (format!("t{number}"), json!("x".repeat(200)))).collect();
        kept.object("tags", &many);
        kept.text("none", Some(""));
        let (fields, left_out) = kept.finish();
        let text = Value::Object(fields.clone()).to_string();
        assert!(text.len() < BYTES_MAX + 2_000, "{}", text.len());
        assert_eq!(fields["long"].as_str().map(str::len), Some(PROPERTY_TEXT_BYTES_MAX));
        assert_eq!(fields["wide"].as_array().map(Vec::len), Some(ITEMS_MAX));
        assert!(
            (1..=DEPTH_MAX).contains(&text.matches("\"a\"").count())
                && !fields.contains_key("null")
                && !fields.contains_key("none")
        );
        assert!(left_out > 450 + 200, "{left_out}");
    }
}
