//! What a request's address says: the name in its path and the parameters after the question mark, with errors in our own
//! shape.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::App;
use super::error::Problem;

/// The one `{name}` or `{id}` of a route's path, or the tuple of several, percent-decoded.
pub(crate) struct Named<T = String>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let name = Path::<T>::from_request_parts(parts, app).await;
        name.map(|Path(name)| Self(name)).map_err(|error| Problem::invalid(error.body_text()))
    }
}

/// Reads the parameters of an address into `T`.
///
/// # Errors
/// `Invalid`, naming the parameter.
pub(crate) fn parameters<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    Query::<T>::try_from_uri(uri)
        .map(|Query(parameters)| parameters)
        .map_err(|error| Problem::invalid(error.body_text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        historical: bool,
    }

    #[test]
    fn an_unknown_parameter_is_named() {
        let read = |uri: &str| parameters::<Asked>(&uri.parse().unwrap());
        assert!(read("/v1/events?historical=true").unwrap().historical);
        let Err(Problem::Invalid(message)) = read("/v1/events?historicl=true") else { panic!("it was read") };
        assert!(message.contains("historicl"), "{message}");
    }
}
