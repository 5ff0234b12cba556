//! All errors that HTTP answers, and their statuses in one match. One shape everywhere:
//! `{"error":{"code","message","hint"}}`, with `line` and `column` where a text is to blame.
//!
//! The message is public. What only the operator may know is logged here, once.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dashboards::spec::SpecProblem;
use ingest::{BodyError, IngestError};
use queries::QueryError;
use queries::catalogue::SourceProblem;
use serde::Serialize;

use crate::artifacts::ArtifactError;
use crate::boards::OwnBoardError;
use crate::control::ControlError;
use crate::own_queries::OwnQueryError;
use crate::rulebook::OwnRuleError;
use crate::verdict::VerdictError;

/// Everything that a request can be refused for.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No key, or none that we know.
    Unauthorized,
    /// The key lacks a scope.
    MissingScope(&'static str),
    /// The key may not be used by pages of this origin.
    ForbiddenOrigin(String),
    /// No route has this path.
    NoRoute,
    /// The route is there, what it names is not.
    NotFound(Cow<'static, str>),
    /// Something is here, but not for this method.
    MethodNotAllowed,
    /// None of the forms that the client accepts is ours.
    NotAcceptable,
    /// The body is of no form that is taken here; the message names those that are.
    UnsupportedMedia(&'static str),
    /// The request is malformed; the message names the field.
    Invalid(Cow<'static, str>),
    /// The state of things does not allow it now: message and what to do.
    Conflict(Cow<'static, str>, &'static str),
    /// The body is over a limit.
    TooLarge(Cow<'static, str>),
    /// The body came too slowly.
    SlowBody,
    /// The key has used up its rate.
    QuotaExceeded { retry_after_ms: u64 },
    /// Too much at once.
    Overloaded { what: &'static str, retry_after_ms: u64 },
    /// The log is being replayed.
    NotReady(String),
    /// `Weir-After` names a receipt that is none.
    UnknownReceipt,
    /// This node has not seen the receipt's events yet.
    NotCaughtUp,
    /// The body of a request of events cannot be used.
    Body(BodyError),
    /// The durable path refused.
    Ingest(IngestError),
    /// A query failed.
    Query(QueryError),
    /// A text is no rule.
    Rule(SourceProblem),
    /// A rule of the user's own was not saved or deleted.
    OwnRule(OwnRuleError),
    /// A query of the user's own was not saved or deleted.
    OwnQuery(OwnQueryError),
    /// A dashboard was not saved or deleted.
    OwnBoard(OwnBoardError),
    /// A verdict, override or policy was refused.
    Verdict(VerdictError),
    /// The control database refused.
    Control(ControlError),
    /// An upload of source maps was refused.
    Artifact(ArtifactError),
    /// A bug of ours, logged in full.
    Internal(String),
}

macro_rules! from {
    ($($error:ty => $variant:ident),*) => {
        $(impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(BodyError => Body, IngestError => Ingest, QueryError => Query, SourceProblem => Rule, OwnRuleError => OwnRule,
    OwnQueryError => OwnQuery, OwnBoardError => OwnBoard, VerdictError => Verdict, ControlError => Control, ArtifactError => Artifact);

/// A refusal, as it is answered.
struct Answer {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: Option<Cow<'static, str>>,
    retry_after_ms: Option<u64>,
    place: (Option<u32>, Option<u32>),
}

#[derive(Serialize)]
struct Shape<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
}

impl Answer {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None, retry_after_ms: None, place: (None, None) }
    }

    fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn retry(mut self, after_ms: u64) -> Self {
        self.retry_after_ms = Some(after_ms);
        self
    }
}

impl Problem {
    /// Refuses with 400; the message names what is wrong.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(message.into())
    }

    /// Tells what is not there.
    pub(crate) fn not_found(what: impl Into<Cow<'static, str>>) -> Self {
        Self::NotFound(what.into())
    }

    /// Blames ourselves.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }

    fn answer(self) -> Answer {
        use StatusCode as S;
        match self {
            Self::Unauthorized => Answer::new(S::UNAUTHORIZED, "unauthorized", "a known API key is needed")
                .hint("send it as Authorization: Bearer wk_<name>_<secret>"),
            Self::MissingScope(scope) => {
                Answer::new(S::FORBIDDEN, "forbidden", format!("this needs a key with scope {scope}"))
                    .hint("an admin can make one: POST /v1/keys, or weir keys create")
            }
            Self::ForbiddenOrigin(origin) => {
                Answer::new(S::FORBIDDEN, "forbidden_origin", format!("pages of {origin} may not use this key"))
                    .hint("add the origin to the key's origins")
            }
            Self::NoRoute => Answer::new(S::NOT_FOUND, "not_found", "nothing is at this path")
                .hint("GET /openapi.json lists all routes"),
            Self::NotFound(message) => Answer::new(S::NOT_FOUND, "not_found", message),
            Self::MethodNotAllowed => {
                Answer::new(S::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take this method")
                    .hint("the Allow header names those it takes")
            }
            Self::NotAcceptable => Answer::new(
                S::NOT_ACCEPTABLE,
                "not_acceptable",
                "no form that Accept names is known here",
            )
            .hint(
                "forms are application/json, application/x-ndjson, text/csv, application/vnd.apache.arrow.stream and \
                    application/vnd.apache.parquet",
            ),
            Self::UnsupportedMedia(message) => {
                Answer::new(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
            }
            Self::Invalid(message) => Answer::new(S::BAD_REQUEST, "invalid_request", message),
            Self::Conflict(message, hint) => Answer::new(S::CONFLICT, "conflict", message).hint(hint),
            Self::TooLarge(message) => Answer::new(S::PAYLOAD_TOO_LARGE, "too_large", message),
            Self::SlowBody => Answer::new(S::REQUEST_TIMEOUT, "slow_body", "the body came too slowly"),
            Self::QuotaExceeded { retry_after_ms } => {
                Answer::new(S::TOO_MANY_REQUESTS, "quota_exceeded", "this key has used up its rate")
                    .retry(retry_after_ms)
            }
            Self::Overloaded { what, retry_after_ms } => {
                Answer::new(S::SERVICE_UNAVAILABLE, "overloaded", what).retry(retry_after_ms)
            }
            Self::NotReady(message) => Answer::new(S::SERVICE_UNAVAILABLE, "not_ready", message)
                .hint("GET /readyz tells the progress")
                .retry(1_000),
            Self::UnknownReceipt => Answer::new(S::BAD_REQUEST, "unknown_receipt", "Weir-After is not a receipt")
                .hint("give the receipt of an earlier answer of POST /v1/events"),
            Self::NotCaughtUp => {
                Answer::new(S::GATEWAY_TIMEOUT, "not_caught_up", "this node has not seen the receipt's events yet")
                    .retry(1_000)
            }
            Self::Body(BodyError::Unreadable(message)) => Answer::new(S::BAD_REQUEST, "unreadable_body", message),
            Self::Body(BodyError::TooLarge(message)) => Answer::new(S::PAYLOAD_TOO_LARGE, "too_large", message),
            Self::Body(BodyError::UnsupportedEncoding(message)) => {
                Answer::new(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", message)
                    .hint("encodings are gzip, deflate, br and zstd")
            }
            Self::Ingest(error) => of_ingest(error),
            Self::Query(error) => of_query(error),
            Self::Rule(problem) => of_rule(problem),
            Self::OwnRule(error) => of_own_rule(error),
            Self::OwnQuery(error) => of_own_query(error),
            Self::OwnBoard(error) => of_own_board(error),
            Self::Verdict(error) => of_verdict(&error),
            Self::Control(ControlError::Invalid(message)) => Answer::new(S::BAD_REQUEST, "invalid_request", message),
            Self::Control(ControlError::Taken(message)) => Answer::new(S::CONFLICT, "conflict", message),
            Self::Control(error @ (ControlError::Storage(_) | ControlError::TooNew(_))) => {
                tracing::error!(%error, "The control database failed");
                Answer::new(S::SERVICE_UNAVAILABLE, "storage_failed", "the control database could not be used")
                    .retry(1_000)
            }
            Self::Artifact(error) => of_artifact(error),
            Self::Internal(error) => {
                tracing::error!(%error, "A request failed for a fault of Weir's own");
                Answer::new(S::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side; it is logged")
            }
        }
    }
}

fn of_ingest(error: IngestError) -> Answer {
    use StatusCode as S;
    match error {
        IngestError::Overloaded { retry_after_ms, reason } => {
            Answer::new(S::SERVICE_UNAVAILABLE, "overloaded", reason).retry(retry_after_ms)
        }
        IngestError::NotReady(message) => Problem::NotReady(message).answer(),
        IngestError::Disk(source) if source.kind() == std::io::ErrorKind::StorageFull => {
            tracing::error!(error = %source, "The disk is full; nothing of the request was stored");
            Answer::new(S::INSUFFICIENT_STORAGE, "disk_full", "the disk is full; nothing of this request was stored")
                .retry(5_000)
        }
        error => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "Storage failed; nothing of the request was stored"
            );
            Answer::new(S::SERVICE_UNAVAILABLE, "storage_failed", "storage failed; nothing of this request was stored")
                .retry(5_000)
        }
    }
}

fn of_query(error: QueryError) -> Answer {
    use StatusCode as S;
    let message = error.to_string();
    match error {
        QueryError::Invalid { line, column, hint, .. } => Answer {
            hint: hint.map(Cow::Owned),
            place: (line, column),
            ..Answer::new(S::BAD_REQUEST, "invalid_query", message)
        },
        QueryError::Forbidden(_) => Answer::new(S::FORBIDDEN, "forbidden_statement", message)
            .hint("one select, or explain of one, is what SQL is for here"),
        QueryError::Timeout { .. } => Answer::new(S::REQUEST_TIMEOUT, "query_timeout", message),
        QueryError::Busy => Answer::new(S::TOO_MANY_REQUESTS, "too_many_queries", message).retry(1_000),
        QueryError::Memory(_) => Answer::new(S::INSUFFICIENT_STORAGE, "out_of_memory", message),
        QueryError::Internal(_) => {
            tracing::error!(error = message, "A query failed for a fault of Weir's own");
            Answer::new(S::INTERNAL_SERVER_ERROR, "internal", "the query failed on our side; it is logged")
        }
    }
}

fn of_rule(problem: SourceProblem) -> Answer {
    of_source(problem, "invalid_rule")
}

fn of_source(problem: SourceProblem, code: &'static str) -> Answer {
    let line = (problem.line > 0).then_some(problem.line);
    let answer = Answer::new(StatusCode::BAD_REQUEST, code, problem.message);
    Answer { hint: problem.remedy.map(Cow::Owned), place: (line, None), ..answer }
}

/// A file of the user's own that could not be written or removed.
fn of_own_file(message: &'static str, source: &std::io::Error) -> Answer {
    tracing::error!(error = %source, reason = message, "A file of the user's own was not changed");
    Answer::new(StatusCode::SERVICE_UNAVAILABLE, "storage_failed", message).retry(5_000)
}

fn of_own_query(error: OwnQueryError) -> Answer {
    use StatusCode as S;
    let message = error.to_string();
    match error {
        OwnQueryError::Text(problem) => of_source(problem, "invalid_query"),
        OwnQueryError::Refused(_, hint) => Answer::new(S::CONFLICT, "conflict", message).hint(hint),
        OwnQueryError::Unknown(_) => Answer::new(S::NOT_FOUND, "not_found", message),
        OwnQueryError::Disk(source) => of_own_file("the query's file could not be changed", &source),
        OwnQueryError::Control(error) => Problem::Control(error).answer(),
    }
}

fn of_own_board(error: OwnBoardError) -> Answer {
    use StatusCode as S;
    let message = error.to_string();
    match error {
        OwnBoardError::Text(SpecProblem { file, line, message, remedy }) => {
            let line = u32::try_from(line).unwrap_or(0);
            let remedy = Some(remedy).filter(|remedy| !remedy.is_empty());
            of_source(SourceProblem::new(&file, line, message, remedy), "invalid_request")
        }
        OwnBoardError::Refused(_, hint) => Answer::new(S::CONFLICT, "conflict", message).hint(hint),
        OwnBoardError::Unknown(_) => Answer::new(S::NOT_FOUND, "not_found", message),
        OwnBoardError::Disk(source) => of_own_file("the dashboard's file could not be changed", &source),
        OwnBoardError::Control(error) => Problem::Control(error).answer(),
    }
}

fn of_own_rule(error: OwnRuleError) -> Answer {
    use StatusCode as S;
    let message = error.to_string();
    match error {
        OwnRuleError::Name(_, hint) => Answer::new(S::BAD_REQUEST, "invalid_request", message).hint(hint),
        OwnRuleError::Text(problem) => of_rule(problem),
        OwnRuleError::Refused(_, hint) => Answer::new(S::CONFLICT, "conflict", message).hint(hint),
        OwnRuleError::Unknown(_) => Answer::new(S::NOT_FOUND, "not_found", message),
        OwnRuleError::Disk(source) => of_own_file("the rule's file could not be changed", &source),
        OwnRuleError::Control(error) => Problem::Control(error).answer(),
    }
}

fn of_artifact(error: ArtifactError) -> Answer {
    use StatusCode as S;
    let message = error.to_string();
    match error {
        ArtifactError::Invalid(_) => Answer::new(S::BAD_REQUEST, "invalid_request", message),
        ArtifactError::TooLarge(_) => Answer::new(S::PAYLOAD_TOO_LARGE, "too_large", message),
        ArtifactError::Full(_) => Answer::new(S::INSUFFICIENT_STORAGE, "artifacts_full", message),
        ArtifactError::Disk(source) => of_ingest(IngestError::Disk(source)),
    }
}

fn of_verdict(error: &VerdictError) -> Answer {
    use StatusCode as S;
    let status = match error {
        VerdictError::Invalid { .. } | VerdictError::Policy { .. } => S::BAD_REQUEST,
        VerdictError::Conflict => S::CONFLICT,
        VerdictError::Forbidden(_) => S::FORBIDDEN,
        VerdictError::NotFound(_) => S::NOT_FOUND,
        VerdictError::Full(_) => S::INSUFFICIENT_STORAGE,
        VerdictError::Store(_) => S::SERVICE_UNAVAILABLE,
    };
    Answer::new(status, error.code(), error.to_string())
}

impl Answer {
    fn shape(&self) -> Shape<'_> {
        let (line, column) = self.place;
        Shape { error: Inner { code: self.code, message: &self.message, hint: self.hint.as_deref(), line, column } }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(after_ms) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after_ms.div_ceil(1_000).max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers
    }
}

impl Problem {
    /// Returns the public message alone.
    pub(crate) fn into_message(self) -> String {
        self.answer().message
    }

    /// Returns status, public message and hint, for pages.
    pub(crate) fn into_words(self) -> (StatusCode, String, Option<Cow<'static, str>>) {
        let answer = self.answer();
        (answer.status, answer.message, answer.hint)
    }

    /// Returns status, headers and body, for answers that tell of it in a form of their own.
    pub(crate) fn into_parts(self) -> (StatusCode, HeaderMap, serde_json::Value) {
        let answer = self.answer();
        (answer.status, answer.headers(), serde_json::to_value(answer.shape()).expect("text and numbers are JSON"))
    }

    /// Returns the body alone, for answers that hold several results.
    pub(crate) fn into_shape(self) -> serde_json::Value {
        serde_json::to_value(self.answer().shape()).expect("text and numbers are JSON")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let answer = self.answer();
        let body = serde_json::to_vec(&answer.shape()).expect("text and numbers are JSON");
        (answer.status, answer.headers(), body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shown(problem: Problem) -> (u16, Option<String>, serde_json::Value) {
        let response = problem.into_response();
        let retry = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, retry, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn every_error_has_the_one_shape() {
        let (status, retry, body) = shown(Problem::QuotaExceeded { retry_after_ms: 1_200 }).await;
        assert_eq!((status, retry.as_deref()), (429, Some("2")));
        assert_eq!(body["error"]["code"], "quota_exceeded");
        assert!(body["error"].as_object().unwrap().contains_key("hint"));
        let (status, _, body) = shown(Problem::Query(QueryError::Invalid {
            message: "no table usag".into(),
            line: Some(1),
            column: Some(15),
            hint: Some("usage".into()),
        }))
        .await;
        assert_eq!(status, 400);
        assert_eq!(
            body["error"],
            serde_json::json!({"code": "invalid_query", "message": "no table usag", "hint": "usage", "line": 1, "column": 15})
        );
    }

    #[tokio::test]
    async fn what_only_the_operator_may_know_is_not_answered() {
        let (status, _, body) = shown(Problem::internal("/var/lib/weir/secret")).await;
        assert_eq!(status, 500);
        assert!(!body.to_string().contains("secret"));
        let (status, retry, body) = shown(Problem::Ingest(IngestError::Disk(std::io::Error::other("/var")))).await;
        assert_eq!((status, retry.is_some()), (503, true));
        assert!(!body.to_string().contains("/var"));
    }
}
