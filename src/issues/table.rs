//! Issues in SQL: the column `issue_id` of `errors`, looked up as it is read, and the table `issue_states`.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Int64Builder, RecordBatch, StringViewArray, StringViewBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::{Column, Result};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use ingest::ColumnType;

use super::map::{Hashes, IssueMap};
use super::state::IssueState;

pub(super) const HASHES: [&str; 3] = ["hash_app", "hash_sys", "hash_msg"];
const ISSUE: &str = "issue_id";

/// What a function works with, the same if it is the very same: functions are compared when plans are.
#[derive(Debug)]
pub(super) struct Same<T>(pub(super) Arc<T>);

impl<T> PartialEq for Same<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Same<T> {}

impl<T> Hash for Same<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// Returns `errors` with the issue of each row.
pub(super) fn errors(errors: Arc<dyn TableProvider>, map: Arc<IssueMap>) -> Result<Arc<dyn TableProvider>> {
    let schema = errors.schema();
    let column = |name: &str| Expr::Column(Column::from_name(name));
    let issue_of = ScalarUDF::from(IssueOf::new(map));
    let columns: Vec<Expr> = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            ISSUE => issue_of.call(HASHES.map(column).to_vec()).alias(ISSUE),
            name => column(name),
        })
        .collect();
    let plan = LogicalPlanBuilder::scan("errors", provider_as_source(errors), None)?.project(columns)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// The columns of `issue_states`: name, type, whether it can be null, and what it means.
const STATE_COLUMNS: [(&str, ColumnType, bool, &str); 9] = [
    (ISSUE, ColumnType::Text, false, "the issue that somebody decided about"),
    ("status", ColumnType::Text, false, "open, resolved or ignored, as of now"),
    ("is_regressed", ColumnType::Bool, false, "open because it came back after it was resolved"),
    ("in_release", ColumnType::Text, true, "the release it is resolved in; null: altogether, or after after_release"),
    ("after_release", ColumnType::Text, true, "the last release that has it; null: see in_release"),
    ("until", ColumnType::Time, true, "ignored until then; null: no such time"),
    ("until_events", ColumnType::Int, true, "ignored until so many more errors; null: no such number"),
    ("changed_at", ColumnType::Time, false, "when it was decided, or came back"),
    ("changed_by", ColumnType::Text, false, "the name of the key that decided; weir, where an error did"),
];

static STATES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |(name, ty, nullable, _): (&str, ColumnType, bool, &str)| {
        let data_type = match ty {
            ColumnType::Bool => DataType::Boolean,
            ColumnType::Int => DataType::Int64,
            ColumnType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ColumnType::Text | ColumnType::Json | ColumnType::Frames => DataType::Utf8View,
        };
        Field::new(name, data_type, nullable)
    };
    Arc::new(Schema::new(STATE_COLUMNS.map(field).to_vec()))
});

/// Returns the columns of `issue_states`, with what each means.
pub(crate) fn state_columns() -> impl Iterator<Item = (&'static str, DataType, &'static str)> {
    let types = STATES.fields().iter().map(|field| field.data_type().clone());
    STATE_COLUMNS.iter().zip(types).map(|((name, _, _, doc), data_type)| (*name, data_type, *doc))
}

/// Returns the table `issue_states` as of a moment: one row an issue that somebody decided about.
pub(crate) fn states<'s>(states: impl Iterator<Item = &'s IssueState>, now: i64) -> Result<Arc<dyn TableProvider>> {
    let (mut issue, mut status, mut by) =
        (StringViewBuilder::new(), StringViewBuilder::new(), StringViewBuilder::new());
    let (mut in_release, mut after_release) = (StringViewBuilder::new(), StringViewBuilder::new());
    let mut regressed = BooleanBuilder::new();
    let time = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let (mut until, mut changed_at, mut until_events) = (time(), time(), Int64Builder::new());
    for state in states {
        issue.append_value(&*state.issue);
        status.append_value(state.status_at(now).name());
        regressed.append_value(state.is_regressed);
        in_release.append_option(state.in_release.as_deref());
        after_release.append_option(state.after_release.as_deref());
        until.append_option(state.until);
        until_events.append_option(state.until_events);
        changed_at.append_value(state.changed_at);
        by.append_value(&state.changed_by);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(issue.finish()),
        Arc::new(status.finish()),
        Arc::new(regressed.finish()),
        Arc::new(in_release.finish()),
        Arc::new(after_release.finish()),
        Arc::new(until.finish()),
        Arc::new(until_events.finish()),
        Arc::new(changed_at.finish()),
        Arc::new(by.finish()),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&STATES), columns)?;
    Ok(Arc::new(MemTable::try_new(Arc::clone(&STATES), vec![vec![batch]])?))
}

/// The function behind the column, over the issues of one moment. No SQL text can name it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IssueOf {
    map: Same<IssueMap>,
    signature: Signature,
}

impl IssueOf {
    fn new(map: Arc<IssueMap>) -> Self {
        Self { map: Same(map), signature: Signature::exact(vec![DataType::Utf8View; HASHES.len()], Volatility::Stable) }
    }
}

impl ScalarUDFImpl for IssueOf {
    fn name(&self) -> &'static str {
        "issue_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let arrays: Vec<ArrayRef> =
            arrays.iter().map(|array| cast(array, &DataType::Utf8View)).collect::<Result<_, _>>()?;
        let [app, sys, msg] = [0, 1, 2].map(|place| arrays[place].as_string_view());
        let mut issues = StringViewBuilder::with_capacity(args.number_rows).with_deduplicate_strings();
        for row in 0..app.len() {
            let hashes = Hashes::new(at(app, row), at(sys, row), at(msg, row));
            issues.append_option(self.map.0.issue_of(hashes));
        }
        Ok(ColumnarValue::Array(Arc::new(issues.finish())))
    }
}

pub(super) fn at(array: &StringViewArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;
    use ingest::{Kind, TableSchema};

    #[tokio::test]
    async fn errors_have_their_issue_as_of_now_and_nothing_else_changes() {
        let schema = Arc::clone(TableSchema::of(Kind::Errors).queried());
        let stored = Arc::new(MemTable::try_new(Arc::clone(&schema), vec![vec![]]).unwrap());
        let provider = errors(stored, Arc::new(IssueMap::default())).unwrap();
        assert_eq!(provider.schema().fields(), schema.fields());
        let context = SessionContext::new();
        context.register_table("errors", provider).unwrap();
        let asked = "select issue_id, count(*) from errors where issue_id = 'iss_1' group by issue_id";
        assert_eq!(context.sql(asked).await.unwrap().collect().await.unwrap().len(), 0);
    }

    #[test]
    fn each_row_is_looked_up() {
        let mut map = IssueMap::default();
        let hash = |digit: &str| digit.repeat(32);
        map.learn(Hashes::new(Some(&hash("a")), Some(&hash("b")), None));
        let column = |values: [Option<String>; 4]| Arc::new(StringViewArray::from_iter(values)) as ArrayRef;
        let app = column([Some(hash("a")), None, Some(hash("c")), None]);
        let sys = column([None, Some(hash("b")), Some(hash("b")), None]);
        let msg = column([None, None, None, None]);
        let call = IssueOf::new(Arc::new(map));
        let args = ScalarFunctionArgs {
            args: [app, sys, msg].map(ColumnarValue::Array).to_vec(),
            arg_fields: Vec::new(),
            number_rows: 4,
            return_field: Arc::new(Field::new("issue_id", DataType::Utf8View, true)),
            config_options: Arc::default(),
        };
        let ColumnarValue::Array(issues) = call.invoke_with_args(args).unwrap() else { panic!("an array") };
        let issues: Vec<Option<&str>> = issues.as_string_view().iter().collect();
        let one = Some("iss_aaaaaaaaaaaaaaaa");
        assert_eq!(issues, [one, one, one, None]);
    }
}
