//! The part of an address after the question mark, with errors in our own shape.

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use super::error::Problem;

/// Reads the parameters of an address into `T`.
///
/// # Errors
/// `Invalid`, naming the parameter.
pub(crate) fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    Query::<T>::try_from_uri(uri)
        .map(|Query(parameters)| parameters)
        .map_err(|error| Problem::invalid(error.body_text()))
}
