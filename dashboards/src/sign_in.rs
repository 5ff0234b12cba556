//! The page that asks for an API key. A wrong key is answered with the same page and what to do about it.

use askama::Template;

use crate::{Frame, PageError};

/// The sign-in page. The form posts the fields `key` and `next` to `/signin`.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What surrounds the page.
    pub frame: Frame,
    /// Where to go afterwards: a path on this server, see [`local_path`].
    pub next: String,
    /// Why the last try did not work.
    pub error: Option<SignInError>,
}

/// Why somebody could not sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInError {
    /// The field was empty.
    Empty,
    /// No such key, or it was revoked or has expired.
    Unknown,
    /// The key exists, but may only write.
    MayNotRead,
    /// The last session has ended.
    Ended,
}

impl SignInError {
    /// Says what happened and what to do next.
    pub fn message(self) -> &'static str {
        match self {
            SignInError::Empty => "Enter an API key. It starts with wk_.",
            SignInError::Unknown => {
                "This key is not known here: it may be mistyped, revoked or expired. \
                 Check it, or make a new one with weir keys create."
            }
            SignInError::MayNotRead => {
                "This key may only send events. Sign in with a key that has the scope query, review or admin."
            }
            SignInError::Ended => "Your session has ended. Sign in again to go on where you were.",
        }
    }
}

impl SignInPage {
    /// Returns the path the header marks as the current one: none.
    pub fn here(&self) -> &'static str {
        ""
    }

    /// Renders the page.
    ///
    /// Errors: [`PageError::Render`] when the template refuses its values.
    pub fn page(&self) -> Result<String, PageError> {
        Ok(self.render()?)
    }
}

/// Returns `next` if it leads to a path on this server, else `/`: a link from elsewhere must not turn signing in into a
/// jump to another site.
pub fn local_path(next: &str) -> &str {
    let stays = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if stays { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_only_paths_of_this_server() {
        for next in ["/", "/sql?q=select%201", "/e/device/dev_3#links"] {
            assert_eq!(local_path(next), next);
        }
        for next in
            ["", "//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "/a\nb", "\t//x"]
        {
            assert_eq!(local_path(next), "/", "{next:?}");
        }
    }
}
