//! Issues in SQL: the column `issue_id` of `errors`, looked up as it is read, and the table `issue_states`.

use std::hash::Hasher;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, Int64Builder, RecordBatch, StringArray, StringViewArray,
    StringViewBuilder, StructArray, TimestampMicrosecondBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::{Column, Result};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use ingest::Kind;
use ingest::grouping::{Frame, Grouper, Told};

use super::map::{Hashes, IssueMap};
use super::state::IssueState;

const HASHES: [&str; 3] = ["hash_app", "hash_sys", "hash_msg"];
const ISSUE: &str = "issue_id";

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

static STATES: LazyLock<SchemaRef> = LazyLock::new(|| {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new(ISSUE, DataType::Utf8View, false),
        Field::new("status", DataType::Utf8View, false),
        Field::new("is_regressed", DataType::Boolean, false),
        Field::new("in_release", DataType::Utf8View, true),
        Field::new("until", time.clone(), true),
        Field::new("until_events", DataType::Int64, true),
        Field::new("changed_at", time, false),
        Field::new("changed_by", DataType::Utf8View, false),
    ]))
});

/// Returns the table `issue_states` as of a moment: one row an issue that somebody decided about.
pub(crate) fn states<'s>(states: impl Iterator<Item = &'s IssueState>, now: i64) -> Result<Arc<dyn TableProvider>> {
    let (mut issue, mut status, mut by) =
        (StringViewBuilder::new(), StringViewBuilder::new(), StringViewBuilder::new());
    let (mut in_release, mut regressed) = (StringViewBuilder::new(), BooleanBuilder::new());
    let time = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let (mut until, mut changed_at, mut until_events) = (time(), time(), Int64Builder::new());
    for state in states {
        issue.append_value(&*state.issue);
        status.append_value(state.status_at(now).name());
        regressed.append_value(state.is_regressed);
        in_release.append_option(state.in_release.as_deref());
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
        Arc::new(until.finish()),
        Arc::new(until_events.finish()),
        Arc::new(changed_at.finish()),
        Arc::new(by.finish()),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&STATES), columns)?;
    Ok(Arc::new(MemTable::try_new(Arc::clone(&STATES), vec![vec![batch]])?))
}

/// Returns a cut's tables, with a column `regrouped` in `errors`: the hashes by other rules, as three words with a blank between.
pub(super) fn regrouped(
    tables: Vec<(&'static str, Arc<dyn TableProvider>)>,
    grouper: Arc<Grouper>,
) -> Result<Vec<(String, Arc<dyn TableProvider>)>> {
    let mut with_column = Vec::new();
    for (name, table) in tables {
        if name != Kind::Errors.table() {
            continue;
        }
        let regroup = ScalarUDF::from(Regroup::new(Arc::clone(&grouper)));
        let column = |name: &str| Expr::Column(Column::from_name(name));
        let mut columns: Vec<Expr> = HASHES.into_iter().chain(["received_at"]).map(column).collect();
        columns.push(regroup.call(Regroup::READS.map(column).to_vec()).alias("regrouped"));
        let plan = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?.project(columns)?.build()?;
        with_column.push((name.to_owned(), Arc::new(ViewTable::new(plan, None)) as Arc<dyn TableProvider>));
    }
    Ok(with_column)
}

/// Groups a row by other rules. What its client said it is to be grouped by stays as it is: only its hash is kept.
#[derive(Debug)]
struct Regroup {
    grouper: Arc<Grouper>,
    signature: Signature,
}

impl Regroup {
    const READS: [&str; 7] = ["hash_app", "hash_sys", "hash_msg", "grouping_reason", "type", "message", "frames"];

    fn new(grouper: Arc<Grouper>) -> Self {
        Self { grouper, signature: Signature::any(Self::READS.len(), Volatility::Stable) }
    }
}

impl PartialEq for Regroup {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.grouper, &other.grouper)
    }
}

impl Eq for Regroup {}

impl std::hash::Hash for Regroup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::hash::Hash::hash(&Arc::as_ptr(&self.grouper), state);
    }
}

impl ScalarUDFImpl for Regroup {
    fn name(&self) -> &'static str {
        "regroup"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let texts: Vec<ArrayRef> =
            arrays[..6].iter().map(|array| cast(array, &DataType::Utf8View)).collect::<Result<_, _>>()?;
        let text = |column: usize, row: usize| at(texts[column].as_string_view(), row);
        let stacks = arrays[6].as_list_opt::<i32>();
        let mut regrouped = StringViewBuilder::with_capacity(args.number_rows);
        for row in 0..arrays[0].len() {
            let stored = Hashed { app: text(0, row), sys: text(1, row), msg: text(2, row) };
            if text(3, row).is_some_and(|reason| reason.starts_with("fingerprint")) {
                regrouped.append_value(stored.words());
                continue;
            }
            let frames = stacks.filter(|stacks| stacks.is_valid(row)).map(|stacks| stacks.value(row));
            let columns = frames.as_ref().and_then(|frames| FrameColumns::of(frames.as_struct()));
            let frames: Vec<Frame<'_>> = columns.as_ref().map(FrameColumns::frames).unwrap_or_default();
            let told = Told { ty: text(4, row), message: text(5, row), frames: &frames, fingerprint: &[] };
            let hashes = self.grouper.group(told).hashes;
            let hashed = Hashed { app: hashes.app.as_deref(), sys: hashes.sys.as_deref(), msg: hashes.msg.as_deref() };
            regrouped.append_value(hashed.words());
        }
        Ok(ColumnarValue::Array(Arc::new(regrouped.finish())))
    }
}

struct Hashed<'a> {
    app: Option<&'a str>,
    sys: Option<&'a str>,
    msg: Option<&'a str>,
}

impl Hashed<'_> {
    fn words(&self) -> String {
        [self.app, self.sys, self.msg].map(Option::unwrap_or_default).join(" ")
    }
}

/// The columns of one stack.
struct FrameColumns {
    texts: [StringArray; 3],
    in_app: BooleanArray,
}

impl FrameColumns {
    fn of(frames: &StructArray) -> Option<Self> {
        let text =
            |name: &str| Some(cast(frames.column_by_name(name)?, &DataType::Utf8).ok()?.as_string::<i32>().clone());
        let in_app = frames.column_by_name("in_app")?.as_boolean_opt()?.clone();
        Some(Self { texts: [text("module")?, text("file")?, text("function")?], in_app })
    }

    fn frames(&self) -> Vec<Frame<'_>> {
        let text = |column: usize, row: usize| {
            let column = &self.texts[column];
            column.is_valid(row).then(|| column.value(row).into())
        };
        let frame = |row: usize| Frame {
            module: text(0, row),
            file: text(1, row),
            function: text(2, row),
            in_app: self.in_app.is_valid(row).then(|| self.in_app.value(row)),
            ..Frame::default()
        };
        (0..self.in_app.len()).map(frame).collect()
    }
}

/// The function behind the column, over the issues of one moment. No SQL text can name it.
#[derive(Debug)]
struct IssueOf {
    map: Arc<IssueMap>,
    signature: Signature,
}

impl IssueOf {
    fn new(map: Arc<IssueMap>) -> Self {
        Self { map, signature: Signature::exact(vec![DataType::Utf8View; HASHES.len()], Volatility::Stable) }
    }
}

impl PartialEq for IssueOf {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.map, &other.map)
    }
}

impl Eq for IssueOf {}

impl std::hash::Hash for IssueOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::hash::Hash::hash(&Arc::as_ptr(&self.map), state);
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
            issues.append_option(self.map.issue_of(hashes));
        }
        Ok(ColumnarValue::Array(Arc::new(issues.finish())))
    }
}

fn at(array: &StringViewArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;
    use ingest::TableSchema;

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
