//! From the engine's errors to ours: what is wrong in the reader's words, where, and which name was meant. What the
//! reader must not see (paths, stores, source lines) is logged here and nowhere else.

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::error::QueryError;
use crate::nearest::did_you_mean;

/// Names that a query may use, for hints.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) tables: Vec<String>,
}

/// Builds an error at a place of the text.
pub(super) fn at(message: String, place: Location) -> QueryError {
    let (line, column) = line_and_column(place.line, place.column);
    QueryError::Invalid { message, line, column, hint: None }
}

/// Builds an error at a place of the text, with advice.
pub(super) fn at_with_hint(message: String, place: Location, hint: String) -> QueryError {
    let (line, column) = line_and_column(place.line, place.column);
    QueryError::Invalid { message, line, column, hint: Some(hint) }
}

/// Turns an error of the parser, or of the planner where no table's name can be meant, into ours.
pub(crate) fn parsing(error: &DataFusionError) -> QueryError {
    query(error, &Names::default())
}

/// Turns any error of the engine into ours.
pub(super) fn query(error: &DataFusionError, names: &Names) -> QueryError {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let place = diagnostic.span.map(|span| line_and_column(span.start.line, span.start.column));
            with_place(query(inner, names), place.unwrap_or((None, None)))
        }
        DataFusionError::Context(_, inner) => query(inner, names),
        DataFusionError::Shared(inner) => query(inner, names),
        DataFusionError::Collection(errors) => {
            errors.first().map_or_else(|| internal(error), |first| query(first, names))
        }
        DataFusionError::SQL(inner, _) => syntax(inner),
        DataFusionError::SchemaError(inner, _) => schema(inner),
        DataFusionError::Plan(message) => plan(message, names),
        DataFusionError::NotImplemented(message) => QueryError::invalid(format!("not supported: {}", clean(message))),
        DataFusionError::Execution(message) => QueryError::invalid(hide_paths(&clean(message))),
        DataFusionError::ArrowError(inner, _) => arrow(inner, error, names),
        DataFusionError::ResourcesExhausted(message) => exhausted(message),
        DataFusionError::External(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => query(inner, names),
            None => match inner.downcast_ref::<QueryError>() {
                Some(inner) => inner.clone(),
                None => internal(error),
            },
        },
        _ => internal(error),
    }
}

fn exhausted(message: &str) -> QueryError {
    tracing::debug!(query.exhausted = %message, "a query ran out of memory or spill space");
    let what = if message.contains("disk") { "spill space" } else { "memory" };
    QueryError::Memory(format!(
        "the query needs more {what} than it may have; narrow its time range, or group by or join fewer values"
    ))
}

/// Blames ourselves, but for a pattern that is none: the engine wraps that in errors of several kinds.
fn internal(error: &DataFusionError) -> QueryError {
    let text = error.to_string();
    if text.contains("regex parse error") || text.contains("Regular expression did not compile") {
        return QueryError::invalid_with_hint(
            "a regular expression cannot be read",
            "escape ( [ { + * ? . by a backslash",
        );
    }
    tracing::error!(query.error = %error, "a query failed for a reason that is not its own");
    QueryError::Internal("the query failed for a reason that is not its own; the log tells more".into())
}

fn arrow(inner: &ArrowError, whole: &DataFusionError, names: &Names) -> QueryError {
    match inner {
        ArrowError::DivideByZero => {
            QueryError::invalid_with_hint("division by zero", "write nullif(divisor, 0) under the division")
        }
        ArrowError::CastError(message)
        | ArrowError::ParseError(message)
        | ArrowError::ComputeError(message)
        | ArrowError::InvalidArgumentError(message)
        | ArrowError::ArithmeticOverflow(message) => QueryError::invalid(hide_paths(&clean(message))),
        ArrowError::MemoryError(message) => exhausted(message),
        ArrowError::IoError(message, _) if message.contains("spilling process") => exhausted(message),
        ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => query(inner, names),
            None => internal(whole),
        },
        _ => internal(whole),
    }
}

fn syntax(error: &ParserError) -> QueryError {
    match error {
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
            let (message, place) = split_place(message);
            let invalid = QueryError::invalid(format!("syntax: {}", lower_first(message.trim())));
            with_place(invalid, place)
        }
        ParserError::RecursionLimitExceeded => QueryError::invalid("the statement is nested too deep"),
    }
}

fn schema(error: &SchemaError) -> QueryError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let qualifier = field.relation.as_ref().map(|relation| format!(" in {}", relation.table()));
            let message = format!("there is no column {}{}", field.name, qualifier.unwrap_or_default());
            let hint = did_you_mean(&field.name, valid_fields.iter().map(|field| field.name.as_str()));
            QueryError::Invalid { message, line: None, column: None, hint }
        }
        SchemaError::AmbiguousReference { field } => QueryError::invalid_with_hint(
            format!("the column {} is in several tables of the query", field.name),
            format!("write the table before it: table.{}", field.name),
        ),
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            QueryError::invalid_with_hint(
                format!("the column {name} appears twice"),
                "give one of them an alias; of two aggregates that differ only in parentheses, compute one in a subquery",
            )
        }
    }
}

fn plan(message: &str, names: &Names) -> QueryError {
    let message = clean(message);
    if let Some(table) = between(&message, "table '", "' not found") {
        let table = table.rsplit('.').next().unwrap_or(table);
        let hint = did_you_mean(table, names.tables.iter().map(String::as_str))
            .unwrap_or_else(|| format!("the tables are {}", names.tables.join(", ")));
        return QueryError::invalid_with_hint(format!("there is no table {table}"), hint);
    }
    if let Some(function) = between(&message, "Invalid function '", "'") {
        let hint = between(&message, "Did you mean '", "'").map(|name| format!("did you mean `{name}`?"));
        let message = format!("there is no function {function}, or it is not allowed");
        return QueryError::Invalid { message, line: None, column: None, hint };
    }
    if let Some(function) = between(&message, "table function '", "' not found") {
        return QueryError::invalid(format!("there is no table function {function}"));
    }
    QueryError::invalid(lower_first(&message))
}

/// Removes what means nothing to the reader: the engine's prefixes, backtraces, and the catalogue's own name.
fn clean(message: &str) -> String {
    let message = message.split("\n\nbacktrace:").next().unwrap_or(message);
    let message = message.replace("weir.public.", "");
    let mut rest = message.trim();
    for prefix in [
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "Arrow error: ",
        "Cast error: ",
        "Parser error: ",
        "Optimizer rule ",
    ] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    rest.to_owned()
}

/// Replaces whatever looks like a place on disk or in a store.
pub(super) fn hide_paths(text: &str) -> String {
    let is_path = |word: &str| {
        let bare = word.trim_matches(|character: char| !character.is_alphanumeric() && character != '/');
        bare.contains("://") || bare.matches('/').count() >= 2 || bare.ends_with(".parquet")
    };
    text.split(' ').map(|word| if is_path(word) { "(a file)" } else { word }).collect::<Vec<_>>().join(" ")
}

fn with_place(error: QueryError, place: (Option<u32>, Option<u32>)) -> QueryError {
    match error {
        QueryError::Invalid { message, line: None, column: None, hint } => {
            QueryError::Invalid { message, line: place.0, column: place.1, hint }
        }
        other => other,
    }
}

/// Divides `… at Line: 1, Column: 8`.
fn split_place(message: &str) -> (&str, (Option<u32>, Option<u32>)) {
    let Some((before, place)) = message.rsplit_once(" at Line: ") else { return (message, (None, None)) };
    let mut numbers = place.split(", Column: ").map(|number| number.trim().parse::<u32>().ok());
    (before, (numbers.next().flatten(), numbers.next().flatten()))
}

fn line_and_column(line: u64, column: u64) -> (Option<u32>, Option<u32>) {
    let known = |number: u64| u32::try_from(number).ok().filter(|number| *number > 0);
    (known(line), known(column))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_none_is_the_askers_mistake() {
        let wrapped = DataFusionError::External("regex parse error:\n    (\n    ^\nerror: unclosed group".into());
        assert!(matches!(query(&wrapped, &Names::default()), QueryError::Invalid { .. }));
    }

    #[test]
    fn paths_and_stores_are_never_told() {
        let hidden =
            hide_paths("cannot read 'file:///var/lib/weir/lake/usage/day=1/a.parquet': gone, see /etc/passwd/x");
        assert_eq!(hidden, "cannot read (a file) gone, see (a file)");
        let error = DataFusionError::External("No such file /var/lib/weir/lake/x".into());
        assert!(!query(&error, &Names::default()).to_string().contains("/var"));
    }

    #[test]
    fn finds_the_place_in_the_parsers_message() {
        assert_eq!(split_place("Expected: x at Line: 3, Column: 14"), ("Expected: x", (Some(3), Some(14))));
        assert_eq!(split_place("nothing known"), ("nothing known", (None, None)));
    }
}
