//! What the feed of verdicts can be asked for, and how its address says so.

use crate::address;

/// Rows that are shown unless more are asked for.
pub const ROWS_USUAL: usize = 25;
/// Rows that are shown at most.
pub const ROWS_MAX: usize = 500;
/// What the range can be, and what that is called.
pub const RANGES: [(&str, &str); 5] =
    [("", "1 hour"), ("-15m", "15 minutes"), ("-24h", "24 hours"), ("-7d", "7 days"), ("-30d", "30 days")];

/// What a URL of the feed asks for. Texts are as the reader wrote them; empty where nothing was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only this verdict.
    pub verdict: String,
    /// Only this action.
    pub action: String,
    /// Only with this rule among the reasons.
    pub rule: String,
    /// Only about this entity.
    pub entity: String,
    /// The start of the range, as the query reads it.
    pub since: String,
    /// Rows to show.
    pub limit: usize,
}

impl Asked {
    /// Writes its address.
    pub fn address(&self) -> String {
        self.at("/verdicts")
    }

    /// Writes the address of the fragment that shows the same.
    pub fn fragment(&self) -> String {
        self.at("/fragments/verdicts")
    }

    fn at(&self, path: &str) -> String {
        let limit = if matches!(self.limit, 0 | ROWS_USUAL) { String::new() } else { self.limit.to_string() };
        let parameters = [
            ("verdict", self.verdict.as_str()),
            ("action", &self.action),
            ("rule", &self.rule),
            ("entity", &self.entity),
            ("since", &self.since),
            ("limit", &limit),
        ];
        address::with_parameters(path, parameters)
    }

    /// Writes the address of the same about one entity.
    pub fn of_entity(&self, entity: &str) -> String {
        Self { entity: entity.to_owned(), ..self.clone() }.address()
    }

    /// Tells whether something narrows the feed.
    pub fn is_narrowed(&self) -> bool {
        [&self.verdict, &self.action, &self.rule, &self.entity].iter().any(|text| !text.is_empty())
    }

    /// Returns the address of the same with more rows; none where it cannot have more.
    pub fn more(&self) -> Option<String> {
        let limit = (self.limit * 4).min(ROWS_MAX);
        (limit > self.limit).then(|| Self { limit, ..self.clone() }.address())
    }

    /// Tells whether the range is one of those to choose from.
    pub fn is_usual_range(&self) -> bool {
        RANGES.iter().any(|(since, _)| *since == self.since)
    }

    /// Says the range: `last 24 hours`.
    pub fn range(&self) -> String {
        match RANGES.iter().find(|(since, _)| *since == self.since) {
            Some((_, words)) => format!("last {words}"),
            None => format!("since {}", self.since),
        }
    }

    /// Returns the link that asks the same of SQL.
    pub fn as_sql(&self) -> String {
        let mut conditions = String::from("where received_at >= now() - interval '1 day'\n");
        for (column, value) in [("verdict", &self.verdict), ("action", &self.action)] {
            if !value.is_empty() {
                conditions.push_str(&format!("    and {column} = {}\n", address::sql_literal(value)));
            }
        }
        for value in [&self.rule, &self.entity].into_iter().filter(|value| !value.is_empty()) {
            let literal = address::sql_literal(value);
            conditions.push_str(&format!(
                "    and strpos(concat_ws(' ', account_id, guest_id, device_id, reasons, shadow), {literal}) > 0\n"
            ));
        }
        address::sql(&format!(
            "select\n    received_at,\n    action,\n    verdict,\n    score,\n    account_id,\n    guest_id,\n    device_id,\n    \
             reasons,\n    shadow\nfrom verdicts\n{conditions}order by received_at desc\nlimit 100\n"
        ))
    }
}
