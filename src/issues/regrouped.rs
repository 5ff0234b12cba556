//! The errors of the past by other rules of grouping: a column that is worked out from their frames as it is read.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, StringViewBuilder, StructArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, Result};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use ingest::Kind;
use ingest::grouping::{BY_CLIENT, Frame, Grouper, Told};

use super::table::{HASHES, Same, at};

/// Returns a cut's errors, with a column `regrouped`: the hashes by other rules, as three words with a blank between.
pub(super) fn errors(
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
#[derive(Debug, PartialEq, Eq, Hash)]
struct Regroup {
    grouper: Same<Grouper>,
    signature: Signature,
}

impl Regroup {
    const READS: [&str; 7] = ["hash_app", "hash_sys", "hash_msg", "grouping_reason", "type", "message", "frames"];

    fn new(grouper: Arc<Grouper>) -> Self {
        Self { grouper: Same(grouper), signature: Signature::any(Self::READS.len(), Volatility::Stable) }
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
            if text(3, row).is_some_and(|reason| reason.starts_with(BY_CLIENT)) {
                regrouped.append_value(stored.words());
                continue;
            }
            let frames = stacks.filter(|stacks| stacks.is_valid(row)).map(|stacks| stacks.value(row));
            let columns = frames.as_ref().and_then(|frames| FrameColumns::of(frames.as_struct()));
            let frames: Vec<Frame<'_>> = columns.as_ref().map(FrameColumns::frames).unwrap_or_default();
            let told = Told { ty: text(4, row), message: text(5, row), frames: &frames, fingerprint: &[] };
            let hashes = self.grouper.0.group(told).hashes;
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
