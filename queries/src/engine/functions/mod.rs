//! The functions that SQL may call: an allow-list over DataFusion's and the JSON functions, with bounds on those whose
//! result can outgrow their arguments (`bounded.rs`, `series.rs`).
//!
//! `stack_text` is our own (`stack.rs`).
//!
//! A list, not an exclusion: what a later DataFusion adds is refused until someone has read it. Left out are functions
//! that tell of the machine (`version`), that reach into Arrow's types (`arrow_cast` can make a null of gigabytes) and
//! that carry metadata.

mod bounded;
mod names;
mod rewrite;
mod series;
mod sizes;
mod stack;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};

pub(super) use rewrite::BoundOperators;

/// Adds the allowed functions and the planners of their syntax to a session.
pub(super) fn register(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
        .with_scalar_functions(scalars())
        .with_aggregate_functions(aggregates())
        .with_window_functions(windows())
        .with_higher_order_functions(higher_orders())
        .with_table_function_list(series::functions())
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_analyzer_rule(Arc::new(BoundOperators::new()))
}

/// Adds the JSON functions, their operators (`->`, `->>`, `?`) and their rewrites to a built session.
pub(super) fn register_json(state: &mut SessionState) -> Result<()> {
    datafusion_functions_json::register_all(state as &mut dyn FunctionRegistry)
}

fn scalars() -> Vec<Arc<ScalarUDF>> {
    allowed_scalars().map(bounded::bound).chain([bounded::text_concat(), stack::stack_text()]).collect()
}

fn allowed_scalars() -> impl Iterator<Item = Arc<ScalarUDF>> {
    SessionStateDefaults::default_scalar_functions()
        .into_iter()
        .filter(|function| names::SCALARS.contains(&function.name()))
}

fn aggregates() -> Vec<Arc<AggregateUDF>> {
    SessionStateDefaults::default_aggregate_functions()
        .into_iter()
        .filter(|function| names::AGGREGATES.contains(&function.name()))
        .chain(crate::rules::aggregate_functions().into_iter().map(Arc::new))
        .collect()
}

fn windows() -> Vec<Arc<WindowUDF>> {
    SessionStateDefaults::default_window_functions()
        .into_iter()
        .filter(|function| names::WINDOWS.contains(&function.name()))
        .chain(crate::rules::window_functions().into_iter().map(Arc::new))
        .collect()
}

fn higher_orders() -> Vec<Arc<HigherOrderUDF>> {
    SessionStateDefaults::default_higher_order_functions()
        .into_iter()
        .filter(|function| names::HIGHER_ORDERS.contains(&function.name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_allowed_name_is_a_function() {
        let listed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let scalars: BTreeSet<String> = allowed_scalars().map(|function| function.name().to_owned()).collect();
        assert_eq!(scalars, listed(names::SCALARS));
        let aggregates: BTreeSet<String> = aggregates().iter().map(|function| function.name().to_owned()).collect();
        assert!(aggregates.is_superset(&listed(names::AGGREGATES)));
        let windows: BTreeSet<String> = windows().iter().map(|function| function.name().to_owned()).collect();
        assert!(windows.is_superset(&listed(names::WINDOWS)));
        let higher: BTreeSet<String> = higher_orders().iter().map(|function| function.name().to_owned()).collect();
        assert_eq!(higher, listed(names::HIGHER_ORDERS));
    }
}
