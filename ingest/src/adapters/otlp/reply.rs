//! What is answered, in the encoding that was asked in.

use std::collections::BTreeSet;

use prost::Message;
use serde_json::json;

use super::message::{PartialSuccess, Response, Status};
use super::{Encoding, Signal, record_of};
use crate::outcome::Reject;

/// Returns the answer to a request that was taken: how many records or spans were refused, and why the first of them was.
#[must_use]
pub fn taken(signal: Signal, encoding: Encoding, rejects: &[Reject]) -> Vec<u8> {
    // Several events may be made of one record, and be refused together.
    let records: BTreeSet<&str> = rejects.iter().filter_map(|reject| reject.id.as_deref()).map(record_of).collect();
    let rejected = records.len() as i64;
    let message = rejects.first().map(|reject| format!("{}: {}", reject.code.name(), reject.message));
    let message = message.filter(|_| rejected > 0);
    match encoding {
        Encoding::Protobuf => {
            let partial_success = message.map(|error_message| PartialSuccess { rejected, error_message });
            Response { partial_success }.encode_to_vec()
        }
        Encoding::Json => {
            let field = match signal {
                Signal::Logs => "rejectedLogRecords",
                Signal::Traces => "rejectedSpans",
            };
            // 64-bit integers are texts in the protocol's JSON.
            let partial = message.map(|message| json!({field: rejected.to_string(), "errorMessage": message}));
            let answer = partial.map_or(json!({}), |partial| json!({ "partialSuccess": partial }));
            answer.to_string().into_bytes()
        }
    }
}

/// Returns the answer to a request that was refused with this HTTP status.
#[must_use]
pub fn refused(encoding: Encoding, http_status: u16, message: &str) -> Vec<u8> {
    let code = code_of(http_status);
    match encoding {
        Encoding::Protobuf => Status { code, message: message.to_owned() }.encode_to_vec(),
        Encoding::Json => json!({"code": code, "message": message}).to_string().into_bytes(),
    }
}

/// Returns the code of `google.rpc.Code` for an HTTP status.
fn code_of(http_status: u16) -> i32 {
    match http_status {
        401 => 16,     // UNAUTHENTICATED
        403 => 7,      // PERMISSION_DENIED
        408 => 4,      // DEADLINE_EXCEEDED
        429 => 8,      // RESOURCE_EXHAUSTED
        503 => 14,     // UNAVAILABLE
        400..500 => 3, // INVALID_ARGUMENT
        _ => 13,       // INTERNAL
    }
}
