//! What state tells of aggregates: one value, or those of many entities side by side, as expressions read them.

use std::sync::Arc;

use super::recognise::{Function, Picked};

/// The value of an aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A number, a time, a truth; an average's bits.
    Number(i64),
    /// A picked text.
    Text(Arc<str>),
}

/// One aggregate of many entities, in their order.
pub(crate) enum Values {
    /// Numbers, times, truths; an average's bits.
    Numbers(Vec<Option<i64>>),
    /// Picked texts.
    Texts(Vec<Option<Arc<str>>>),
}

impl Values {
    /// Returns no values of a function yet.
    pub(super) const fn of(function: Function) -> Self {
        match function {
            Function::Pick(_, Picked::Text) => Self::Texts(Vec::new()),
            _ => Self::Numbers(Vec::new()),
        }
    }

    /// Adds one; a value of another kind is none.
    pub(super) fn push(&mut self, value: Option<Value>) {
        match (self, value) {
            (Self::Numbers(numbers), Some(Value::Number(number))) => numbers.push(Some(number)),
            (Self::Numbers(numbers), _) => numbers.push(None),
            (Self::Texts(texts), Some(Value::Text(text))) => texts.push(Some(text)),
            (Self::Texts(texts), _) => texts.push(None),
        }
    }
}
