//! One event as a line of JSON, written straight into the journal's text. Knows JSON, not what events mean.

use super::clock::Stamp;
use super::ids::Id;

/// An object being written. Values come from the simulator's own catalogue and need no escaping.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    /// Opens an object.
    pub(crate) fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Writes a text field.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        debug_assert!(!value.bytes().any(|byte| byte < 32 || byte == b'"' || byte == b'\\'), "{name}: {value}");
        self.name(name);
        self.out.push('"');
        self.out.push_str(value);
        self.out.push('"');
        self
    }

    /// Writes an integer field.
    pub(crate) fn int(&mut self, name: &str, value: i64) -> &mut Self {
        self.name(name);
        push_int(value, self.out);
        self
    }

    /// Writes a Boolean field.
    pub(crate) fn bool(&mut self, name: &str, value: bool) -> &mut Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// Writes a field whose value is JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &str) -> &mut Self {
        self.name(name);
        self.out.push_str(json);
        self
    }

    /// Writes an identifier with its prefix.
    pub(crate) fn id(&mut self, name: &str, prefix: &str, id: Id) -> &mut Self {
        self.name(name);
        self.out.push('"');
        id.write(prefix, self.out);
        self.out.push('"');
        self
    }

    /// Writes a time in milliseconds since the epoch.
    pub(crate) fn time(&mut self, name: &str, at_ms: i64, stamp: &mut Stamp) -> &mut Self {
        self.name(name);
        self.out.push('"');
        stamp.write(at_ms, self.out);
        self.out.push('"');
        self
    }

    /// Writes an object as a field.
    pub(crate) fn object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.name(name);
        let mut inner = Object::open(self.out);
        write(&mut inner);
        inner.close();
        self
    }

    /// Appends fields that were written before: `"a":1,"b":2`, or nothing.
    pub(crate) fn fields(&mut self, written: &str) -> &mut Self {
        if !written.is_empty() {
            self.comma();
            self.out.push_str(written);
        }
        self
    }

    /// Closes the object.
    pub(crate) fn close(self) {
        self.out.push('}');
    }

    /// Leaves the object unclosed: what it wrote stays as loose fields. Only for [`Context`](super::who::Context).
    pub(crate) fn loose(out: &'a mut String) -> Self {
        Self { out, first: true }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    fn comma(&mut self) {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
    }
}

/// Writes an integer in decimal.
pub(crate) fn push_int(value: i64, out: &mut String) {
    let mut digits = [0_u8; 20];
    let mut place = digits.len();
    let mut left = value.unsigned_abs();
    loop {
        place -= 1;
        digits[place] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        out.push('-');
    }
    digits[place..].iter().for_each(|digit| out.push(char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut out = String::new();
        let mut object = Object::open(&mut out);
        object
            .text("kind", "usage")
            .int("min", i64::MIN)
            .int("zero", 0)
            .bool("yes", true)
            .fields("")
            .fields("\"a\":[1]");
        object.object("inner", |inner| {
            inner.int("x", -12);
        });
        object.close();
        let read: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let expected = serde_json::json!({"kind":"usage","min":i64::MIN,"zero":0,"yes":true,"a":[1],"inner":{"x":-12}});
        assert_eq!(read, expected);
    }
}
