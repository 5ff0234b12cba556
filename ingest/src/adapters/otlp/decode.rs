//! The protocol's messages out of either encoding. Of JSON, what the protocol says is taken: 64-bit integers as numbers or as
//! texts, ids in hexadecimal, bytes in base64, `null` for what is not there, and fields of tomorrow are passed over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::message::{
    AnyValue, ArrayValue, Event, KeyValue, KeyValueList, Kind, LogRecord, Resource, Scope, Span, SpanStatus,
};
use super::{Encoding, NoEvent};
use crate::outcome::RejectCode;

/// A record or span, a resource or a scope. Beyond it, decoding would cost more memory than one request may.
const MESSAGE_BYTES_MAX: usize = 256 << 10;

/// A message that is read out of both encodings.
pub(super) trait Message: prost::Message + Default {
    /// Reads it; the error names the field.
    fn of_json(value: &Value) -> Result<Self, String>;
}

/// Reads a message. No bytes are an empty one.
pub(super) fn read<M: Message>(bytes: &[u8], encoding: Encoding) -> Result<M, NoEvent> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        let message = format!("a record or span may have at most {MESSAGE_BYTES_MAX} bytes");
        return Err(NoEvent::Refused(RejectCode::TooLarge, message));
    }
    if bytes.is_empty() {
        return Ok(M::default());
    }
    let refused = |problem: String| NoEvent::Refused(RejectCode::InvalidField, problem);
    match encoding {
        Encoding::Protobuf => M::decode(bytes).map_err(|error| refused(format!("not valid protobuf: {error}"))),
        Encoding::Json => match serde_json::from_slice(bytes) {
            Ok(value @ Value::Object(_)) => M::of_json(&value).map_err(refused),
            Ok(_) => Err(NoEvent::Refused(RejectCode::InvalidJson, "it must be a JSON object".into())),
            Err(error) => Err(NoEvent::Refused(RejectCode::InvalidJson, format!("not valid JSON: {error}"))),
        },
    }
}

impl Message for Resource {
    fn of_json(value: &Value) -> Result<Self, String> {
        Ok(Self { attributes: attributes(value)? })
    }
}

impl Message for Scope {
    fn of_json(value: &Value) -> Result<Self, String> {
        Ok(Self { name: text(value, "name")? })
    }
}

impl Message for LogRecord {
    fn of_json(value: &Value) -> Result<Self, String> {
        Ok(Self {
            time_unix_nano: integer(value, "timeUnixNano")?,
            observed_time_unix_nano: integer(value, "observedTimeUnixNano")?,
            severity_number: integer(value, "severityNumber")?,
            severity_text: text(value, "severityText")?,
            body: value.get("body").map(any).transpose()?,
            attributes: attributes(value)?,
            trace_id: hex(value, "traceId")?,
            span_id: hex(value, "spanId")?,
            event_name: text(value, "eventName")?,
        })
    }
}

impl Message for Span {
    fn of_json(value: &Value) -> Result<Self, String> {
        let status = value.get("status").unwrap_or(&Value::Null);
        Ok(Self {
            trace_id: hex(value, "traceId")?,
            span_id: hex(value, "spanId")?,
            parent_span_id: hex(value, "parentSpanId")?,
            flags: integer(value, "flags")?,
            name: text(value, "name")?,
            kind: integer(value, "kind")?,
            start_time_unix_nano: integer(value, "startTimeUnixNano")?,
            end_time_unix_nano: integer(value, "endTimeUnixNano")?,
            attributes: attributes(value)?,
            events: items(value, "events")?.iter().map(event).collect::<Result<_, _>>()?,
            status: Some(SpanStatus { message: text(status, "message")?, code: integer(status, "code")? }),
        })
    }
}

fn event(value: &Value) -> Result<Event, String> {
    Ok(Event {
        time_unix_nano: integer(value, "timeUnixNano")?,
        name: text(value, "name")?,
        attributes: attributes(value)?,
    })
}

fn attributes(value: &Value) -> Result<Vec<KeyValue>, String> {
    items(value, "attributes")?.iter().map(key_value).collect()
}

fn key_value(value: &Value) -> Result<KeyValue, String> {
    let given = value.get("value").map(any).transpose()?;
    Ok(KeyValue { key: text(value, "key")?, value: given })
}

/// Reads a value of any kind. JSON has bounded the depth already.
fn any(value: &Value) -> Result<AnyValue, String> {
    let given = |name: &str| value.get(name).filter(|given| !given.is_null());
    let kind = if given("stringValue").is_some() {
        Some(Kind::Text(text(value, "stringValue")?))
    } else if let Some(flag) = given("boolValue") {
        Some(Kind::Bool(flag.as_bool().ok_or("`boolValue` must be a Boolean")?))
    } else if given("intValue").is_some() {
        Some(Kind::Int(integer(value, "intValue")?))
    } else if let Some(number) = given("doubleValue") {
        // `NaN` and `Infinity` are texts in JSON.
        let number = number.as_f64().or_else(|| number.as_str()?.parse().ok());
        Some(Kind::Double(number.ok_or("`doubleValue` must be a number")?))
    } else if let Some(array) = given("arrayValue") {
        let values = items(array, "values")?.iter().map(any).collect::<Result<_, _>>()?;
        Some(Kind::Array(ArrayValue { values }))
    } else if let Some(list) = given("kvlistValue") {
        let values = items(list, "values")?.iter().map(key_value).collect::<Result<_, _>>()?;
        Some(Kind::List(KeyValueList { values }))
    } else if given("bytesValue").is_some() {
        let bytes = STANDARD.decode(text(value, "bytesValue")?).map_err(|_| "`bytesValue` must be base64")?;
        Some(Kind::Bytes(bytes))
    } else {
        None
    };
    Ok(AnyValue { value: kind })
}

fn items<'v>(value: &'v Value, field: &str) -> Result<&'v [Value], String> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("`{field}` must be an array")),
    }
}

fn text(value: &Value, field: &str) -> Result<String, String> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("`{field}` must be a text")),
    }
}

fn integer<N: std::str::FromStr + Default>(value: &Value, field: &str) -> Result<N, String> {
    let parsed = match value.get(field) {
        None | Some(Value::Null) => return Ok(N::default()),
        Some(Value::Number(number)) => number.to_string().parse(),
        Some(Value::String(text)) => text.parse(),
        Some(_) => return Err(format!("`{field}` must be an integer")),
    };
    parsed.map_err(|_| format!("`{field}` must be an integer"))
}

fn hex(value: &Value, field: &str) -> Result<Vec<u8>, String> {
    let text = text(value, field)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?);
    text.as_bytes().chunks(2).map(pair).collect::<Option<_>>().ok_or(format!("`{field}` must be hexadecimal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json<M: Message>(text: &str) -> Result<M, String> {
        read(text.as_bytes(), Encoding::Json).map_err(|none| match none {
            NoEvent::Refused(_, message) => message,
            NoEvent::Skipped(what) => what.to_owned(),
        })
    }

    #[test]
    fn integers_are_numbers_or_texts_and_ids_hexadecimal() {
        for time in ["1795341600000000001", "\"1795341600000000001\""] {
            let record: LogRecord = json(&format!(
                r#"{{"timeUnixNano":{time},"traceId":"5B8EFFF798038103d269b633813fc60c","spanId":"","body":null,"later":[{{}}],
                    "attributes":[{{"key":"n","value":{{"intValue":{time}}}}}]}}"#
            ))
            .unwrap();
            assert_eq!(record.time_unix_nano, 1_795_341_600_000_000_001);
            assert_eq!((record.trace_id.len(), record.trace_id[0], record.span_id.len()), (16, 0x5b, 0));
            let value = record.attributes[0].value.clone().and_then(|value| value.value);
            assert_eq!(value, Some(Kind::Int(1_795_341_600_000_000_001)));
        }
    }

    #[test]
    fn values_are_of_any_kind() {
        let text = r#"{"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{}}},
            {"key":"b","value":{"bytesValue":"AQI="}},{"key":"c","value":{"doubleValue":"NaN"}},{"key":"d","value":{"doubleValue":1}},
            {"key":"e","value":{"boolValue":true}},{"key":"f","value":{"newValue":1}},{"key":"g"}]}}}"#;
        let record: LogRecord = json(text).unwrap();
        let Some(Kind::List(list)) = record.body.and_then(|body| body.value) else { panic!("a list") };
        let kinds: Vec<Option<Kind>> =
            list.values.into_iter().map(|pair| pair.value.and_then(|value| value.value)).collect();
        assert_eq!(kinds[0], Some(Kind::Array(ArrayValue::default())));
        assert_eq!(kinds[1], Some(Kind::Bytes(vec![1, 2])));
        assert!(matches!(kinds[2], Some(Kind::Double(nan)) if nan.is_nan()));
        assert_eq!(kinds[3..], [Some(Kind::Double(1.0)), Some(Kind::Bool(true)), None, None]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, problem) in [
            (r#"{"timeUnixNano":"yesterday"}"#, "`timeUnixNano`"),
            (r#"{"timeUnixNano":-1}"#, "`timeUnixNano`"),
            (r#"{"traceId":"5B8"}"#, "`traceId`"),
            (r#"{"traceId":"é"}"#, "`traceId`"),
            (r#"{"attributes":{}}"#, "`attributes`"),
            (r#"{"body":{"bytesValue":"%"}}"#, "`bytesValue`"),
            (r#"{"body":{"boolValue":1}}"#, "`boolValue`"),
            ("[]", "object"),
        ] {
            let told = json::<LogRecord>(text).unwrap_err();
            assert!(told.contains(problem), "{text}: {told}");
        }
        let long = format!(r#"{{"severityText":"{}"}}"#, "x".repeat(MESSAGE_BYTES_MAX));
        assert!(json::<LogRecord>(&long).unwrap_err().contains("at most"));
        assert!(read::<LogRecord>(b"\x0a\x01a", Encoding::Protobuf).is_err(), "a span is no log record");
    }
}
