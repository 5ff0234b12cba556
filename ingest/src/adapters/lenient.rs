//! Reads JSON into fields without making anything of what nobody reads. SDKs write what they like, and nothing is lost for it:
//! what is of another type than it should be is as good as not there.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What an object is read into, field by field.
pub(super) trait Part<'a>: Default {
    /// Takes the value of a field, or skips it.
    fn take<A: MapAccess<'a>>(&mut self, name: &str, fields: &mut A) -> Result<(), A::Error>;
}

/// Skips a value.
pub(super) fn skip<'a, A: MapAccess<'a>>(fields: &mut A) -> Result<(), A::Error> {
    fields.next_value::<IgnoredAny>().map(|_| ())
}

/// What there is where objects should be: one, or a list of them, or neither. What in a list is no object is not in it.
#[derive(Debug)]
pub(super) struct Shape<P> {
    pub one: Option<P>,
    pub many: Vec<P>,
}

impl<P> Default for Shape<P> {
    fn default() -> Self {
        Self { one: None, many: Vec::new() }
    }
}

impl<'a, P: Part<'a>> Deserialize<'a> for Shape<P> {
    fn deserialize<D: Deserializer<'a>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Shapes(PhantomData))
    }
}

struct Shapes<P>(PhantomData<P>);

impl<'a, P: Part<'a>> Visitor<'a> for Shapes<P> {
    type Value = Shape<P>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut one = P::default();
        while let Some(Name(name)) = fields.next_key()? {
            one.take(&name, &mut fields)?;
        }
        Ok(Shape { one: Some(one), many: Vec::new() })
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut many = Vec::new();
        while let Some(item) = items.next_element::<Shape<P>>()? {
            many.extend(item.one);
        }
        Ok(Shape { one: None, many })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }
}

/// A field's name; one with escapes is copied.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value that is neither list nor object.
#[derive(Debug, Default)]
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Bool(bool),
    #[default]
    Other,
}

impl<'a> Scalar<'a> {
    /// Returns the text, if it is one and not empty.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Returns the integer, if it is one.
    pub(super) fn int(self) -> Option<i64> {
        if let Self::Int(value) = self { Some(value) } else { None }
    }

    /// Returns the Boolean, if it is one.
    pub(super) fn bool(self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(value) } else { None }
    }
}

impl<'a> Deserialize<'a> for Scalar<'a> {
    fn deserialize<D: Deserializer<'a>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Scalars)
    }
}

struct Scalars;

impl<'a> Visitor<'a> for Scalars {
    type Value = Scalar<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).map_or(Scalar::Other, Scalar::Int))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'a>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[derive(Debug, Default)]
    struct Told {
        text: Option<String>,
        int: Option<i64>,
        bool: Option<bool>,
    }

    impl<'a> Part<'a> for Told {
        fn take<A: MapAccess<'a>>(&mut self, name: &str, fields: &mut A) -> Result<(), A::Error> {
            match name {
                "text" => self.text = fields.next_value::<Scalar<'_>>()?.text().map(Cow::into_owned),
                "int" => self.int = fields.next_value::<Scalar<'_>>()?.int(),
                "bool" => self.bool = fields.next_value::<Scalar<'_>>()?.bool(),
                _ => skip(fields)?,
            }
            Ok(())
        }
    }

    fn read(value: &Value) -> Shape<Told> {
        let of_text = serde_json::from_str::<Shape<Told>>(&value.to_string()).unwrap();
        let of_value = Shape::<Told>::deserialize(value).unwrap();
        assert_eq!(format!("{of_text:?}"), format!("{of_value:?}"), "text and value read alike");
        of_text
    }

    #[test]
    fn fields_of_the_right_type_are_read_and_others_are_as_good_as_not_there() {
        let told = read(&json!({"text": "a\"b", "int": -3, "bool": true, "more": {"text": [1]}})).one.unwrap();
        assert_eq!((told.text.as_deref(), told.int, told.bool), (Some("a\"b"), Some(-3), Some(true)));
        for other in [json!(null), json!({"a": [1]}), json!([{}, 2]), json!(1.5), json!(u64::MAX), json!("")] {
            let told = read(&json!({"text": other, "int": other, "bool": other})).one.unwrap();
            assert_eq!((told.text, told.int, told.bool), (None, None, None), "{other}");
        }
    }

    #[test]
    fn what_is_no_object_is_none() {
        for other in
            [json!(null), json!(true), json!(3), json!(-3), json!(1.5), json!("x"), json!([]), json!([1, [{}]])]
        {
            let shape = read(&other);
            assert!(shape.one.is_none() && shape.many.is_empty(), "{other}");
        }
        assert_eq!(read(&json!([1, {"int": 1}, null, [{"int": 2}], {"int": 3}])).many.len(), 2);
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        for text in ["", "{", "[1,", "{\"text\":}", "{\"more\":[}"] {
            assert!(serde_json::from_str::<Shape<Told>>(text).is_err(), "{text}");
        }
    }
}
