//! `stack_text(frames)`: a stack of `errors` as text, to be read and to be searched.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// Of one stack; the judge keeps a hundred frames of three texts of 512 bytes.
const TEXT_BYTES_MAX: usize = 32 << 10;
const TEXTS: [&str; 3] = ["module", "file", "function"];

/// Makes the function.
pub(super) fn stack_text() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(StackText { signature: Signature::any(1, Volatility::Immutable) }))
}

/// One frame a line, newest first: `draw (app.js:3:14)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct StackText {
    signature: Signature,
}

impl ScalarUDFImpl for StackText {
    fn name(&self) -> &'static str {
        "stack_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::Null] => Ok(DataType::Utf8View),
            [DataType::List(item)] if is_frame(item) => Ok(DataType::Utf8View),
            _ => plan_err!("stack_text takes the column frames of errors"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let stacks = args.args[0].to_array(args.number_rows)?;
        let mut texts = StringViewBuilder::with_capacity(stacks.len());
        let Some(stacks) = stacks.as_list_opt::<i32>() else {
            (0..stacks.len()).for_each(|_| texts.append_null());
            return Ok(ColumnarValue::Array(Arc::new(texts.finish())));
        };
        for row in 0..stacks.len() {
            if stacks.is_null(row) {
                texts.append_null();
            } else {
                texts.append_value(text_of(stacks.value(row).as_struct())?);
            }
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish())))
    }
}

fn is_frame(item: &Field) -> bool {
    let DataType::Struct(fields) = item.data_type() else { return false };
    TEXTS.iter().chain(&["line", "col"]).all(|name| fields.find(name).is_some())
}

fn text_of(frames: &StructArray) -> Result<String> {
    let column = |name: &str| {
        let column = frames.column_by_name(name).cloned();
        column.ok_or_else(|| exec_datafusion_err!("frames have no {name}"))
    };
    let texts: Vec<ArrayRef> =
        TEXTS.iter().map(|name| Ok(cast(&column(name)?, &DataType::Utf8)?)).collect::<Result<_>>()?;
    let [module, file, function] = [0, 1, 2].map(|place| texts[place].as_string::<i32>());
    let (line, col) = (column("line")?, column("col")?);
    let numbers = |array: &ArrayRef, row: usize| {
        let numbers = array.as_primitive_opt::<Int64Type>()?;
        numbers.is_valid(row).then(|| numbers.value(row))
    };
    let mut text = String::new();
    for row in 0..frames.len() {
        let given = |array: &arrow::array::StringArray| array.is_valid(row).then(|| array.value(row).to_owned());
        let function = given(function).unwrap_or_else(|| "?".to_owned());
        let place = match (given(module), given(file)) {
            (Some(module), Some(file)) => format!("{module}, {file}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "?".to_owned(),
        };
        if text.len() + function.len() + place.len() > TEXT_BYTES_MAX {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = write!(text, "{function} ({place}");
        for number in [numbers(&line, row), numbers(&col, row)].into_iter().map_while(std::convert::identity) {
            let _ = write!(text, ":{number}");
        }
        text.push(')');
    }
    Ok(text)
}
