//! Parameters of a text that is no stored query, or not yet: those that its headers declare, and those that it merely
//! uses. And single values of them, as forms and addresses send them.

use serde_json::Value;

use super::header::Headers;
use super::param::{Param, ParamType};
use crate::engine::placeholders;

/// Lists the parameters that a text uses: each as its header declares it, else as a text that must be given. Headers that
/// cannot be read declare nothing; nothing here refuses a text.
#[must_use]
pub fn params_of(sql: &str) -> Vec<Param> {
    let headers = Headers::parse("", sql).ok();
    let declared: Vec<Param> = headers
        .iter()
        .flat_map(|headers| headers.all("param"))
        .filter_map(|header| Param::parse(&header.value, header.note.as_deref()).ok())
        .collect();
    let used = placeholders(sql).into_iter().map(|(name, _)| name);
    used.map(|name| declared.iter().find(|param| param.name == name).cloned().unwrap_or_else(|| Param::text(name)))
        .collect()
}

/// Reads a value that came as text into what the engine binds; none, or an empty one, is null. `ty` as headers write it;
/// `now` in microseconds, for relative times.
///
/// # Errors
/// What is wanted instead, for people.
pub fn value_from_text(ty: &str, text: Option<&str>, now: i64) -> Result<Value, String> {
    let ty = ParamType::parse(ty)?;
    match text.filter(|text| !text.is_empty()) {
        None => Ok(ty.null()),
        Some(text) => ty.read(&Value::from(text), now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn declared_parameters_have_their_type_and_others_are_texts() {
        let sql = "--! title: T\n--! param: least int = 1 count -- at least\n--! param: unused int -- nobody\n\
                   select $who, $least, '$quoted' -- $comment\n, $who";
        let params = params_of(sql);
        let told: Vec<(&str, String, Option<&str>)> =
            params.iter().map(|param| (param.name.as_str(), param.ty.name(), param.default.as_deref())).collect();
        assert_eq!(told, [("who", "text".to_owned(), None), ("least", "int".to_owned(), Some("1"))]);
        assert_eq!(params_of("--! title\nselect $a").len(), 1, "a bad header is nobody's business here");
        assert!(params_of("select '").is_empty());
    }

    #[test]
    fn a_text_becomes_what_the_engine_binds() {
        let read = |ty: &str, text: &str| value_from_text(ty, Some(text), 3_600_000_000);
        assert_eq!(read("int", " 5 "), Ok(json!(5)));
        assert_eq!(read("int", "-9223372036854775808"), Ok(json!(i64::MIN)));
        assert_eq!(read("float", "5"), Ok(json!({"float": 5.0})));
        assert_eq!(read("timestamp", "-1h"), Ok(json!({"timestamp": "1970-01-01T00:00:00.000000Z"})));
        assert_eq!(read("text", "5"), Ok(json!("5")));
        assert_eq!(value_from_text("timestamp", None, 0), Ok(json!({"timestamp": null})));
        assert_eq!(read("int", "").unwrap(), Value::Null);
        assert_eq!(read("int", "many"), Err("a whole number is wanted".to_owned()));
        assert!(read("colour", "red").unwrap_err().contains("no type"));
    }
}
