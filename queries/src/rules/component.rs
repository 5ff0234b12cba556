//! The window function `component(node, key, at)`: connected components in SQL. Rows are the edges of a graph of two kinds of
//! points, nodes and keys; each row gets the name of the component that it lies in.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimeUnit};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl};
use hashbrown::HashMap;
use petgraph::unionfind::UnionFind;

use super::functions::time_type;

/// The name of the function.
pub(crate) const COMPONENT: &str = "component";
/// How every component's name begins.
const PREFIX: &str = "cmp_";

/// Returns the window functions that rules and queries share.
///
/// `component(node, key, at) over (…)`: nodes that share a key are linked, and linked nodes are one component. Its name is
/// made from the node that was seen first (the least of those seen at once), so that it stays while others join. Null
/// where node or key is null.
///
/// Limits: as many rows as a query may hold. Source: union-find with path compression (petgraph).
#[must_use]
pub fn window_functions() -> Vec<WindowUDF> {
    let signature = Signature::exact(vec![DataType::Utf8View, DataType::Utf8View, time_type()], Volatility::Immutable);
    vec![WindowUDF::from(Component { signature })]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Component {
    signature: Signature,
}

impl WindowUDFImpl for Component {
    fn name(&self) -> &str {
        COMPONENT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Utf8View, true)))
    }
}

#[derive(Debug)]
struct Evaluator;

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _: usize) -> Result<ArrayRef> {
        let [nodes, keys, times] = values else { return exec_err!("{COMPONENT} takes a node, a key and a time") };
        let text = |column: &ArrayRef| {
            Ok::<_, datafusion::common::DataFusionError>(cast(column, &DataType::Utf8View)?.as_string_view().clone())
        };
        let times = cast(times, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let times = cast(&times, &DataType::Int64)?;
        let times = times.as_primitive::<Int64Type>();
        let at = |row: usize| if times.is_valid(row) { times.value(row) } else { i64::MAX };
        Ok(Arc::new(components(&text(nodes)?, &text(keys)?, at)))
    }
}

/// Names the component of each row.
fn components(nodes: &StringViewArray, keys: &StringViewArray, at: impl Fn(usize) -> i64) -> StringViewArray {
    let mut points: HashMap<(bool, &str), u32> = HashMap::new();
    let mut sets = UnionFind::<u32>::new_empty();
    let mut point = |sets: &mut UnionFind<u32>, is_node: bool, name| {
        *points.entry((is_node, name)).or_insert_with(|| sets.new_set())
    };
    let mut of_rows: Vec<Option<u32>> = Vec::with_capacity(nodes.len());
    for (node, key) in nodes.iter().zip(keys) {
        of_rows.push(node.zip(key).map(|(node, key)| {
            let (node, key) = (point(&mut sets, true, node), point(&mut sets, false, key));
            sets.union(node, key);
            node
        }));
    }
    // The first node of each component gives it its name.
    let mut first: HashMap<u32, (i64, &str)> = HashMap::new();
    for (row, (node, of_row)) in nodes.iter().zip(&of_rows).enumerate() {
        let (Some(node), Some(of_row)) = (node, of_row) else { continue };
        let seen = (at(row), node);
        first.entry(sets.find_mut(*of_row)).and_modify(|known| *known = (*known).min(seen)).or_insert(seen);
    }
    let names: HashMap<u32, String> = first.into_iter().map(|(set, (_, node))| (set, name(node))).collect();
    let mut named = StringViewBuilder::with_capacity(of_rows.len());
    for of_row in of_rows {
        named.append_option(of_row.and_then(|node| names.get(&sets.find_mut(node))));
    }
    named.finish()
}

fn name(node: &str) -> String {
    let hash = blake3::hash(node.as_bytes()).to_hex();
    format!("{PREFIX}{}", &hash[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(rows: &[(Option<&str>, Option<&str>, i64)]) -> Vec<Option<String>> {
        let nodes: StringViewArray = rows.iter().map(|row| row.0).collect();
        let keys: StringViewArray = rows.iter().map(|row| row.1).collect();
        components(&nodes, &keys, |row| rows[row].2).iter().map(|name| name.map(str::to_owned)).collect()
    }

    #[test]
    fn nodes_that_share_a_key_directly_or_through_others_are_one() {
        let rows = [
            (Some("b"), Some("k1"), 5),
            (Some("c"), Some("k1"), 6),
            (Some("c"), Some("k2"), 9),
            (Some("d"), Some("k2"), 7),
            (Some("x"), Some("k3"), 1),
            (None, Some("k1"), 1),
            (Some("y"), None, 1),
        ];
        let names = named(&rows);
        assert_eq!(names[..4], [(); 4].map(|()| Some(name("b"))), "the node seen first names them all");
        assert_eq!(names[4], Some(name("x")));
        assert_eq!(names[5..], [None, None]);
    }

    #[test]
    fn a_newcomer_changes_no_name_and_a_key_is_no_node() {
        let before = [(Some("m"), Some("k"), 5), (Some("n"), Some("k"), 6)];
        let after = [before[0], before[1], (Some("a"), Some("k"), 8)];
        assert_eq!(named(&before)[0], named(&after)[2]);
        // A key that is spelt like a node is another point.
        let apart = named(&[(Some("p"), Some("q"), 1), (Some("q"), Some("r"), 2)]);
        assert_ne!(apart[0], apart[1]);
    }
}
