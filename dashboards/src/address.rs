//! Addresses of pages: everything a page shows is in its URL, so pages write many of them. Names and values may be hostile
//! text; what is written here is safe inside a URL, and templates escape it once more for HTML.

/// Writes a path with parameters: `/issues?q=a%20b`. Parameters without a value are left out.
pub fn with_parameters<'p>(path: &str, parameters: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let mut address = path.to_owned();
    let mut mark = '?';
    for (name, value) in parameters.into_iter().filter(|(_, value)| !value.is_empty()) {
        address.push(mark);
        address.push_str(&encode(name));
        address.push('=');
        address.push_str(&encode(value));
        mark = '&';
    }
    address
}

/// Percent-encodes a text so that it is one segment of a path, or one value: everything but letters, digits and `-._~`.
pub fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// Writes the link that opens a statement in the SQL page.
pub fn sql(statement: &str) -> String {
    with_parameters("/sql", [("q", statement)])
}

/// Writes a text as a literal of SQL.
pub fn sql_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns where senders reach this server, if it holds only characters of an address: readers paste it into a shell.
pub fn plain_origin(origin: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/.-_[]".contains(&byte);
    if !origin.is_empty() && origin.bytes().all(plain) { origin } else { "http://127.0.0.1:8600" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_is_empty_and_encodes_the_rest() {
        let address = with_parameters("/issues", [("q", "a b&c=\"<é"), ("release", ""), ("tab", "new")]);
        assert_eq!(address, "/issues?q=a%20b%26c%3D%22%3C%C3%A9&tab=new");
        assert_eq!(with_parameters("/issues", [("q", "")]), "/issues");
        assert_eq!(sql(&format!("select {}", sql_literal("a'b"))), "/sql?q=select%20%27a%27%27b%27");
    }
}
