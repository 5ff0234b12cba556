//! Building routes so that one without a key check does not compile: [`Routes::get`] and its siblings take only handlers
//! whose first argument is [`Authorized`]. The few that need no key say so by [`Routes::open`]; SDKs show theirs elsewhere.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};

use super::auth::Authorized;
use super::{App, sdk};

/// Marks the argument lists that begin with [`Authorized`].
pub(crate) trait Guarded {}

impl<M, N> Guarded for (M, Authorized<N>) {}
impl<M, N, A> Guarded for (M, Authorized<N>, A) {}
impl<M, N, A, B> Guarded for (M, Authorized<N>, A, B) {}
impl<M, N, A, B, C> Guarded for (M, Authorized<N>, A, B, C) {}
impl<M, N, A, B, C, D> Guarded for (M, Authorized<N>, A, B, C, D) {}

/// A router that remembers its routes, so that a test can hold them against the OpenAPI document.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<App>,
    list: Vec<(Method, &'static str)>,
    sdk: Vec<SdkRoute>,
}

/// A route of an SDK, for the OpenAPI document.
pub(crate) struct SdkRoute {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// What it is for.
    pub(crate) summary: &'static str,
}

impl Routes {
    /// Adds a route for GET (and HEAD) that checks the key.
    pub(crate) fn get<H: Handler<T, App>, T: Guarded + 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::GET, path, handler)
    }

    /// Adds a route for POST that checks the key.
    pub(crate) fn post<H: Handler<T, App>, T: Guarded + 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::POST, path, handler)
    }

    /// Adds a route for PUT that checks the key.
    pub(crate) fn put<H: Handler<T, App>, T: Guarded + 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::PUT, path, handler)
    }

    /// Adds a route for PATCH that checks the key.
    pub(crate) fn patch<H: Handler<T, App>, T: Guarded + 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::PATCH, path, handler)
    }

    /// Adds a route for DELETE that checks the key.
    pub(crate) fn delete<H: Handler<T, App>, T: Guarded + 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::DELETE, path, handler)
    }

    /// Adds a route for each of these methods that checks the key.
    pub(crate) fn each<H: Handler<T, App>, T: Guarded + 'static>(
        self,
        methods: &[Method],
        path: &'static str,
        handler: H,
    ) -> Self {
        methods.iter().fold(self, |routes, method| routes.add(method.clone(), path, handler.clone()))
    }

    /// Adds a route that anybody may use.
    pub(crate) fn open<H: Handler<T, App>, T: 'static>(self, method: Method, path: &'static str, handler: H) -> Self {
        self.add(method, path, handler)
    }

    /// Adds routes of an SDK, whose handler finds the key itself: with and without a slash at the end, which is not listed,
    /// and with the question that a browser asks before it sends.
    pub(crate) fn sdk<H: Handler<T, App>, T: 'static>(
        self,
        method: Method,
        paths: &[&'static str],
        summary: &'static str,
        handler: H,
    ) -> Self {
        paths.iter().fold(self, |mut routes, path| {
            let filter = MethodFilter::try_from(method.clone()).expect("routes use standard methods");
            for spelling in [(*path).to_owned(), format!("{path}/")] {
                let methods = on(filter, handler.clone()).options(sdk::cors::preflight);
                routes.router = routes.router.route(&spelling, methods);
            }
            routes.list.push((method.clone(), path));
            routes.sdk.push(SdkRoute { method: method.clone(), path, summary });
            routes
        })
    }

    /// Wraps the routes added so far.
    pub(crate) fn wrap(self, wrap: impl FnOnce(Router<App>) -> Router<App>) -> Self {
        Self { router: wrap(self.router), ..self }
    }

    /// Adds the routes of another.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.list.extend(other.list);
        self.sdk.extend(other.sdk);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// Returns the routes of SDKs.
    pub(crate) fn into_sdk(self) -> Vec<SdkRoute> {
        self.sdk
    }

    /// Returns the router, and the routes it has.
    pub(crate) fn into_parts(self) -> (Router<App>, Vec<(Method, &'static str)>) {
        (self.router, self.list)
    }

    fn add<H: Handler<T, App>, T: 'static>(mut self, method: Method, path: &'static str, handler: H) -> Self {
        let filter = MethodFilter::try_from(method.clone()).expect("routes use standard methods");
        self.router = self.router.route(path, on(filter, handler));
        self.list.push((method, path));
        self
    }
}
