//! The catalogue of fields: what each column means, what it is kept for, and who may read it.

use crate::address;

/// What columns are kept for, and what that means.
pub const PURPOSES: [(&str, &str); 5] = [
    ("operate", "needed to run the product and Weir itself; every key may read it"),
    ("product", "product analytics"),
    ("reliability", "reliability and troubleshooting"),
    ("billing", "credits, plans and billing"),
    ("abuse", "preventing abuse; a key has it only where that was said"),
];

/// One column of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// The table; empty for a column that every table begins with.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its SQL type.
    pub ty: String,
    /// What it is kept for.
    pub purpose: String,
    /// What it means.
    pub doc: String,
    /// Whether the key of this session may read it.
    pub is_visible: bool,
}

/// What columns are kept for, and who may read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purpose {
    /// Its name.
    pub name: String,
    /// Columns that are kept for it.
    pub columns: u64,
    /// Whether the key of this session carries it.
    pub is_own: bool,
    /// Names of the keys that may ask and carry it; none where the key of this session may not list keys.
    pub keys: Option<Vec<String>>,
}

/// What a URL of the catalogue asks for; empty where nothing was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldsAsked {
    /// Text in name or meaning.
    pub q: String,
    /// Only columns of this table, those of every table included.
    pub table: String,
    /// Only what is kept for this.
    pub purpose: String,
}

/// The catalogue as far as it was asked for.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    /// What was asked for.
    pub asked: FieldsAsked,
    /// The tables there are.
    pub tables: Vec<String>,
    /// The purposes, in their order.
    pub purposes: Vec<Purpose>,
    /// All fields, those of every table first.
    pub all: Vec<Field>,
}

impl FieldsAsked {
    /// Writes its address.
    pub fn address(&self) -> String {
        let parameters = [("tab", "fields"), ("q", &self.q), ("table", &self.table), ("purpose", &self.purpose)];
        address::with_parameters("/data", parameters)
    }

    /// Writes the address of the same with another purpose.
    pub fn of_purpose(&self, purpose: &str) -> String {
        Self { purpose: purpose.to_owned(), ..self.clone() }.address()
    }

    fn holds(&self, field: &Field) -> bool {
        let q = self.q.to_lowercase();
        (self.table.is_empty() || field.table.is_empty() || field.table == self.table)
            && (self.purpose.is_empty() || field.purpose == self.purpose)
            && (q.is_empty() || [&field.name, &field.doc].iter().any(|text| text.to_lowercase().contains(&q)))
    }
}

impl Purpose {
    /// Says what it is for.
    pub fn meaning(&self) -> &'static str {
        PURPOSES.iter().find(|(name, _)| *name == self.name).map_or("", |(_, meaning)| meaning)
    }
}

impl Fields {
    /// Lists what was asked for, by table; what every table has comes first.
    pub fn groups(&self) -> Vec<(&str, Vec<&Field>)> {
        let mut groups: Vec<(&str, Vec<&Field>)> = Vec::new();
        for field in self.all.iter().filter(|field| self.asked.holds(field)) {
            match groups.last_mut() {
                Some((table, fields)) if *table == field.table => fields.push(field),
                _ => groups.push((&field.table, vec![field])),
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(table: &str, name: &str, purpose: &str, doc: &str) -> Field {
        let own = |text: &str| text.to_owned();
        Field { table: own(table), name: own(name), purpose: own(purpose), doc: own(doc), ..Field::default() }
    }

    #[test]
    fn fields_are_found_by_name_meaning_table_and_purpose() {
        let all = vec![
            field("", "account_id", "product", "the signed-in account"),
            field("credits", "amount", "billing", "credits"),
            field("usage", "name", "product", "what was done"),
        ];
        let found = |q: &str, table: &str, purpose: &str| {
            let asked = FieldsAsked { q: q.to_owned(), table: table.to_owned(), purpose: purpose.to_owned() };
            let fields = Fields { asked, all: all.clone(), ..Fields::default() };
            fields
                .groups()
                .into_iter()
                .flat_map(|(_, fields)| fields)
                .map(|field| field.name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("ACCOUNT", "", ""), ["account_id"]);
        assert_eq!(found("done", "", ""), ["name"], "the meaning is searched");
        assert_eq!(found("", "credits", ""), ["account_id", "amount"], "with what every table has");
        assert_eq!(found("", "", "billing"), ["amount"]);
        assert!(found("nothing", "", "").is_empty());
    }
}
