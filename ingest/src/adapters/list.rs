//! Lists of JSON, kept no further than there is room: an element may be two bytes of text, and costs more in memory.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::{BodyError, Limits};

/// Returns the elements of an array, one more than `max` at most: whoever gets that many knows that there are too many.
pub(super) fn list(text: &str, max: usize) -> serde_json::Result<Vec<&RawValue>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let list = UpTo(max.saturating_add(1)).deserialize(&mut reader)?;
    reader.end()?;
    Ok(list)
}

/// Returns the events of a request.
///
/// # Errors
/// [`BodyError::Unreadable`], in the words given, when it is no array; [`BodyError::TooLarge`] with too many events.
pub(super) fn events<'t>(text: &'t str, limits: &Limits, no_array: &str) -> Result<Vec<&'t RawValue>, BodyError> {
    let max = limits.events_max;
    let events = list(text, max).map_err(|_| BodyError::Unreadable(no_array.into()))?;
    if events.len() > max {
        return Err(BodyError::TooLarge(format!("a request may hold at most {max} events")));
    }
    Ok(events)
}

struct UpTo(usize);

impl<'de> DeserializeSeed<'de> for UpTo {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for UpTo {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if list.len() < self.0 {
                list.push(element);
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_there_is_room_for_is_kept_and_the_rest_is_read() {
        let texts = |text, max| -> Option<Vec<String>> {
            Some(list(text, max).ok()?.iter().map(|raw| raw.get().to_owned()).collect())
        };
        assert_eq!(
            texts(r#"[1, {"a": [2]}, "x"]"#, 9),
            Some(vec!["1".into(), r#"{"a": [2]}"#.into(), r#""x""#.into()])
        );
        assert_eq!(texts("[1,2,3,4,5]", 1), Some(vec!["1".into(), "2".into()]));
        for broken in ["", "{}", "[1,2,3,", "[1,2,3] 4", "[1,2,nope]"] {
            assert_eq!(texts(broken, 1), None, "{broken}");
        }
    }
}
