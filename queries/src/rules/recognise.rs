//! Reads a rule's analysed plan: is it `having <- aggregate by the entity <- where <- one event table`, with aggregates
//! that can be kept in buckets? If so the parts are handed on (`shape.rs` makes them run); if not the reason is, in words.
//!
//! Expressions are carried down through projections and aliases by substitution, so views, `with` clauses and subqueries
//! over one table are the same to it as the plain form.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef};
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment, Sort};
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Aggregate, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator};

use super::functions::{AS_OF, IN_WINDOW, SUM_ONCE, time_type};

/// The parts of a rule that can run live.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// The event table.
    pub(crate) table: String,
    /// Its columns, unqualified; `key`, `aggregates` and `conditions` speak of them.
    pub(crate) columns: DFSchema,
    /// The entity.
    pub(crate) key: Expr,
    pub(crate) aggregates: Vec<LiveAggregate>,
    /// What a row must fulfil, the window's condition taken out.
    pub(crate) conditions: Vec<Expr>,
    /// What the aggregate gives: the key, then one column an aggregate; `having` and `outputs` speak of it.
    pub(crate) aggregated: DFSchemaRef,
    /// What an entity must fulfil.
    pub(crate) having: Vec<Expr>,
    /// The selected columns by name, the entity left out.
    pub(crate) outputs: Vec<(String, Expr)>,
    /// Taking rows away can only make it less true: counts held against constants from below.
    pub(crate) is_monotone: bool,
}

/// One aggregate that can be kept in buckets.
#[derive(Clone, Debug)]
pub(crate) struct LiveAggregate {
    pub(crate) function: Function,
    /// The value, where the function takes one.
    pub(crate) argument: Option<Expr>,
    /// The key of `sum_once`.
    pub(crate) key: Option<Expr>,
    /// The `filter (where …)`.
    pub(crate) filter: Option<Expr>,
    /// Rows without a value are passed over; otherwise a picked value may be null.
    pub(crate) ignores_nulls: bool,
}

/// The aggregate functions that live state knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    Sum,
    /// Kept as sum and count; its value is the bits of an `f64`.
    Avg,
    Min,
    Max,
    Or,
    Distinct,
    SumOnce,
    /// The value of one row: the first or the last by (received_at, seq).
    Pick(End, Picked),
}

/// Which row a value is picked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    First,
    Last,
}

/// What is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picked {
    /// A whole number, a time or a truth.
    Number,
    Text,
}

/// The most aggregates of a live rule: state keeps a bit for each in one word.
const AGGREGATES_MAX: usize = 32;

type Reason = String;

/// Reads an analysed plan.
pub(crate) fn recognise(plan: &LogicalPlan) -> Result<Parts, Reason> {
    let names: Vec<String> = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut above: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
    let aggregate = descend_to_aggregate(plan, &mut above)?;
    let having = above.split_off(names.len());
    let mut outputs: Vec<(String, Expr)> = names.into_iter().zip(above).collect();

    let [group] = aggregate.group_expr.as_slice() else {
        return Err("it groups by more than the entity".to_owned());
    };
    if matches!(group, Expr::GroupingSet(_)) {
        return Err("it uses grouping sets".to_owned());
    }
    let (place, _) =
        outputs.iter().enumerate().find(|(_, (name, _))| name == "entity").ok_or("it selects no entity")?;
    let (_, entity) = outputs.remove(place);
    if outputs.iter().any(|(name, _)| name == "component") {
        return Err("it names a component".to_owned());
    }
    if index_in(&aggregate.schema, &entity) != Some(0) {
        return Err("`entity` is not the expression it groups by".to_owned());
    }

    let mut below: Vec<Expr> = vec![group.clone()];
    below.extend(aggregate.aggr_expr.iter().cloned());
    let (table, columns) = descend_to_table(&aggregate.input, &mut below)?;
    let conditions = below.split_off(1 + aggregate.aggr_expr.len());
    let conditions = take_window(conditions)?;
    let key = below.remove(0).unalias_nested().data;
    let is_text = |ty: &DataType| matches!(ty, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8);
    if !key.get_type(&columns).is_ok_and(|ty| is_text(&ty)) {
        return Err("the entity is not a text".to_owned());
    }
    let aggregates: Vec<LiveAggregate> =
        below.into_iter().map(|expr| live_aggregate(expr, &columns)).collect::<Result<_, _>>()?;
    for expr in conditions.iter().chain(having.iter()).chain(outputs.iter().map(|(_, expr)| expr)).chain([&key]) {
        refuse_unsuitable(expr)?;
    }
    if aggregates.len() > AGGREGATES_MAX {
        return Err(format!("it computes more than {AGGREGATES_MAX} aggregates"));
    }
    let is_monotone = !having.is_empty() && having.iter().all(|expr| is_monotone(expr, &aggregate.schema, &aggregates));
    let aggregated = aggregate.schema.clone();
    Ok(Parts { table, columns, key, aggregates, conditions, aggregated, having, outputs, is_monotone })
}

/// Goes down to the only aggregate; `exprs` then speak of its columns, with the filters on the way added.
fn descend_to_aggregate<'a>(plan: &'a LogicalPlan, exprs: &mut Vec<Expr>) -> Result<&'a Aggregate, Reason> {
    let mut node = plan;
    loop {
        node = match node {
            LogicalPlan::Aggregate(aggregate) => return Ok(aggregate),
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => &sort.input,
            LogicalPlan::TableScan(_) => return Err("it does not group by the entity".to_owned()),
            other => step(other, exprs)?,
        };
    }
}

/// Goes down to the only table; `exprs` then speak of its columns without a qualifier.
fn descend_to_table(plan: &LogicalPlan, exprs: &mut Vec<Expr>) -> Result<(String, DFSchema), Reason> {
    let mut node = plan;
    loop {
        node = match node {
            LogicalPlan::TableScan(scan) => {
                let columns = scan.projected_schema.as_ref().clone().strip_qualifiers();
                for expr in exprs.iter_mut() {
                    *expr = substitute(expr, &scan.projected_schema, |index| {
                        Expr::Column(Column::new_unqualified(columns.field(index).name()))
                    })?;
                }
                return Ok((scan.table_name.table().to_owned(), columns));
            }
            LogicalPlan::Aggregate(_) => return Err("it aggregates more than once".to_owned()),
            other => step(other, exprs)?,
        };
    }
}

/// Carries the expressions through one node that neither drops rows by place nor makes new ones.
fn step<'a>(node: &'a LogicalPlan, exprs: &mut Vec<Expr>) -> Result<&'a LogicalPlan, Reason> {
    match node {
        LogicalPlan::Filter(filter) => {
            exprs.push(filter.predicate.clone());
            Ok(&filter.input)
        }
        LogicalPlan::Projection(projection) => {
            for expr in exprs.iter_mut() {
                *expr =
                    substitute(expr, &projection.schema, |index| projection.expr[index].clone().unalias_nested().data)?;
            }
            Ok(&projection.input)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let columns = alias.input.schema().columns();
            for expr in exprs.iter_mut() {
                *expr = substitute(expr, &alias.schema, |index| Expr::Column(columns[index].clone()))?;
            }
            Ok(&alias.input)
        }
        LogicalPlan::Join(_) => Err("it joins tables".to_owned()),
        LogicalPlan::Union(_) => Err("it reads several tables".to_owned()),
        LogicalPlan::Window(_) => Err("it uses window functions".to_owned()),
        LogicalPlan::Distinct(_) => Err("it selects distinct rows".to_owned()),
        LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => Err("it limits the number of rows".to_owned()),
        other => Err(format!("its plan has a step that has no live form: {}", other.display())),
    }
}

fn substitute(expr: &Expr, schema: &DFSchema, replacement: impl Fn(usize) -> Expr) -> Result<Expr, Reason> {
    let replaced = expr.clone().transform_up(|expr| match &expr {
        Expr::Column(column) => Ok(Transformed::yes(replacement(schema.index_of_column(column)?))),
        _ => Ok(Transformed::no(expr)),
    });
    replaced.map(|expr| expr.data).map_err(|error| error.strip_backtrace())
}

fn index_in(schema: &DFSchema, expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        Expr::Alias(alias) => index_in(schema, &alias.expr),
        _ => None,
    }
}

/// Takes `in_window(received_at)` out of the conditions, where it must stand once, joined by `and`.
fn take_window(conditions: Vec<Expr>) -> Result<Vec<Expr>, Reason> {
    let conjuncts: Vec<Expr> = conditions.into_iter().flat_map(split_conjunction_owned).collect();
    let is_window = |expr: &Expr| match expr {
        Expr::ScalarFunction(call) if call.name() == IN_WINDOW => {
            matches!(call.args.as_slice(), [Expr::Column(column)] if column.name == "received_at")
        }
        _ => false,
    };
    let all = conjuncts.len();
    let others: Vec<Expr> = conjuncts.into_iter().filter(|expr| !is_window(expr)).collect();
    if others.len() == all {
        return Err("`in_window(received_at)` is not a condition of every row".to_owned());
    }
    Ok(others)
}

fn live_aggregate(expr: Expr, columns: &DFSchema) -> Result<LiveAggregate, Reason> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr.unalias_nested().data else {
        return Err("it computes something else than aggregates".to_owned());
    };
    let name = func.name().to_owned();
    let end = match name.as_str() {
        "first_value" => Some(End::First),
        "last_value" => Some(End::Last),
        _ => None,
    };
    if end.is_some() && !is_log_order(&params.order_by) {
        return Err(format!("`{name}` is kept in buckets with `order by received_at, seq` only"));
    }
    if end.is_none() && !params.order_by.is_empty() {
        return Err(format!("`{name}` with an order cannot be kept in buckets"));
    }
    let function = match (name.as_str(), params.distinct, end) {
        ("count", false, _) => Function::Count,
        ("count", true, _) => Function::Distinct,
        ("sum", false, _) => Function::Sum,
        ("avg", false, _) => Function::Avg,
        ("min", ..) => Function::Min,
        ("max", ..) => Function::Max,
        ("bool_or", ..) => Function::Or,
        (SUM_ONCE, false, _) => Function::SumOnce,
        (_, false, Some(end)) => {
            let ty = params.args.first().map(|value| value.get_type(columns));
            let is_text = ty.is_some_and(|ty| ty.is_ok_and(|ty| ty.is_string()));
            Function::Pick(end, if is_text { Picked::Text } else { Picked::Number })
        }
        _ => {
            return Err(format!(
                "`{name}{}` cannot be kept in buckets",
                if params.distinct { " distinct" } else { "" }
            ));
        }
    };
    for expr in params.args.iter().chain(params.filter.as_deref()) {
        refuse_unsuitable(expr)?;
    }
    let ignores_nulls = params.null_treatment == Some(NullTreatment::IgnoreNulls);
    let mut arguments = params.args.into_iter();
    let (mut argument, key) = (arguments.next(), arguments.next());
    if function == Function::Avg {
        argument = argument.map(|value| whole_number(value, columns));
    }
    if arguments.next().is_some() || (key.is_some() != (function == Function::SumOnce)) {
        return Err(format!("`{name}` of several values cannot be kept in buckets"));
    }
    // `count(*)` is `count(1)` in a plan: every row counts.
    let argument =
        argument.filter(|value| !(function == Function::Count && matches!(value, Expr::Literal(v, _) if !v.is_null())));
    if let Some(value) = &argument {
        let ty = value.get_type(columns).map_err(|error| error.strip_backtrace())?;
        if !is_suitable(function, &ty) {
            return Err(format!("`{name}` of {ty} cannot be kept in buckets"));
        }
    }
    Ok(LiveAggregate { function, argument, key, filter: params.filter.map(|filter| *filter), ignores_nulls })
}

/// Tells whether an order is that of the log, the only one in which rows of one `received_at` have places.
fn is_log_order(order: &[Sort]) -> bool {
    let names = ["received_at", "seq"];
    order.len() == names.len()
        && order
            .iter()
            .zip(names)
            .all(|(sort, name)| sort.asc && matches!(&sort.expr, Expr::Column(column) if column.name == name))
}

/// A plan averages whole numbers as the floating point numbers that they are exactly; state keeps them whole.
fn whole_number(value: Expr, columns: &DFSchema) -> Expr {
    match value {
        Expr::Cast(Cast { expr, field })
            if *field.data_type() == DataType::Float64
                && expr.get_type(columns).is_ok_and(|ty| ty == DataType::Int64) =>
        {
            *expr
        }
        other => other,
    }
}

fn is_suitable(function: Function, ty: &DataType) -> bool {
    match function {
        Function::Count => true,
        Function::Sum | Function::Avg | Function::SumOnce => *ty == DataType::Int64,
        Function::Min | Function::Max => *ty == DataType::Int64 || *ty == time_type(),
        Function::Or => *ty == DataType::Boolean,
        Function::Pick(_, Picked::Text) => ty.is_string(),
        Function::Pick(_, Picked::Number) => *ty == DataType::Int64 || *ty == DataType::Boolean || *ty == time_type(),
        Function::Distinct => matches!(
            ty,
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Int64
                | DataType::Boolean
                | DataType::Date32
                | DataType::Timestamp(..)
        ),
    }
}

/// Refuses subqueries, window functions, and times other than the window's.
fn refuse_unsuitable(expr: &Expr) -> Result<(), Reason> {
    let mut reason = None;
    let walked = expr.apply(|expr| {
        reason = match expr {
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::OuterReferenceColumn(..) => {
                Some("it has a subquery".to_owned())
            }
            Expr::WindowFunction(_) => Some("it uses window functions".to_owned()),
            Expr::ScalarFunction(call) if call.name() == IN_WINDOW => {
                Some("`in_window(received_at)` stands elsewhere than beside the other conditions".to_owned())
            }
            Expr::ScalarFunction(call) if call.name() == AS_OF => Some("it reads `$as_of`".to_owned()),
            _ => None,
        };
        Ok(if reason.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(|error| error.strip_backtrace())?;
    reason.map_or(Ok(()), Err)
}

fn is_monotone(expr: &Expr, schema: &DFSchema, aggregates: &[LiveAggregate]) -> bool {
    match expr {
        Expr::Alias(alias) => is_monotone(&alias.expr, schema, aggregates),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_monotone(left, schema, aggregates) && is_monotone(right, schema, aggregates)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Gt | Operator::GtEq, right }) => {
            matches!(**right, Expr::Literal(..)) && is_count(left, schema, aggregates)
        }
        _ => false,
    }
}

fn is_count(expr: &Expr, schema: &DFSchema, aggregates: &[LiveAggregate]) -> bool {
    match expr {
        Expr::Cast(Cast { expr, .. }) => is_count(expr, schema, aggregates),
        Expr::ScalarFunction(call) if call.name() == "least" => {
            call.args.iter().all(|arg| matches!(arg, Expr::Literal(..)) || is_count(arg, schema, aggregates))
        }
        expr => index_in(schema, expr)
            .and_then(|index| aggregates.get(index.checked_sub(1)?))
            .is_some_and(|aggregate| matches!(aggregate.function, Function::Count | Function::Distinct)),
    }
}
