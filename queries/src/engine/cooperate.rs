//! Makes joins yield. DataFusion lets leaves and exchanges yield to the runtime, trusting that what lies between them
//! makes about as much as it takes. A cross join makes millions of batches of one, so that a query of cross joins could
//! neither be stopped nor share its thread for minutes. Here every operator that multiplies rows yields too.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Operators that make many rows of few.
const MULTIPLIERS: &[&str] = &[
    "CrossJoinExec",
    "HashJoinExec",
    "NestedLoopJoinExec",
    "PiecewiseMergeJoinExec",
    "SortMergeJoinExec",
    "SymmetricHashJoinExec",
    "UnnestExec",
];

/// Puts a yielding operator above each that multiplies rows.
#[derive(Debug)]
pub(super) struct YieldAboveJoins;

impl PhysicalOptimizerRule for YieldAboveJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let yielding = plan.transform_up(|plan| {
            if MULTIPLIERS.contains(&plan.name()) {
                return Ok(Transformed::yes(Arc::new(CooperativeExec::new(plan)) as Arc<dyn ExecutionPlan>));
            }
            Ok(Transformed::no(plan))
        });
        yielding.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "yield_above_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
