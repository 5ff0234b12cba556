//! A plan that a rule's rows always pass: whatever the rule finds at some time of a stretch, the relaxed plan finds over
//! all rows of the stretch. What it does not find needs no second look (`sieve.rs`).
//!
//! Every row of the plan at a time stands behind a row of the relaxed plan, of which something is known (`bounds.rs`).
//! Conditions are kept as far as that carries them; what cannot be told is left out, and so are times, but for the ends of
//! the stretch. Only ever weaker, never stronger: what is not understood lets everything through.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchemaRef, JoinType, Result, ScalarValue, not_impl_err};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Filter, Join, LogicalPlan, LogicalPlanBuilder, SubqueryAlias, Union,
    Window as WindowNode, WindowFrame, WindowFunctionDefinition, lit, when,
};

use super::super::functions::as_of_first;
use super::bounds::Mark;
use super::leaf::MOMENT;

/// The time of receipt, which every event has.
const RECEIVED_AT: &str = "received_at";

/// What a column becomes: an expression, or null where nothing is known.
type Told = (Option<Expr>, Mark);

/// A column of which nothing is known.
const NOTHING: Told = (None, Mark::Unknown);

/// A relaxed plan, and what is known of its columns.
pub(super) struct Relaxed {
    pub(super) plan: LogicalPlan,
    pub(super) marks: Vec<Mark>,
    /// No two rows stand before one row of it: numbers of rows are no less.
    pub(super) counts: bool,
    /// Keys of full joins: of each two one is the value, the other that or null.
    pub(super) pairs: Vec<(Column, Column)>,
}

/// Returns the relaxed form of a planted plan without subqueries; its schema is the plan's.
///
/// # Errors
/// `NotImplemented` with a step that is not understood.
pub(super) fn relax(plan: &LogicalPlan) -> Result<LogicalPlan> {
    Ok(visit(plan)?.plan)
}

fn visit(plan: &LogicalPlan) -> Result<Relaxed> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let own = scan.projected_schema.columns().into_iter().filter(|column| column.name != MOMENT);
            let plan = LogicalPlanBuilder::from(plan.clone()).project(own.map(Expr::Column))?.build()?;
            Ok(Relaxed::same(plan))
        }
        LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => Ok(Relaxed::same(plan.clone())),
        LogicalPlan::Projection(projection) => {
            let input = visit(&projection.input)?;
            let told = projection.expr.iter().map(|expr| input.value(expr)).collect();
            project(input.plan, told, &projection.schema, input.counts)
        }
        LogicalPlan::Filter(filter) => {
            let input = visit(&filter.input)?;
            let kept = input.kept(&filter.predicate);
            input.filter(kept)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let input = visit(&alias.input)?;
            let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input.plan), alias.alias.clone())?);
            Ok(Relaxed::new(plan, input.marks, input.counts))
        }
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => visit(&sort.input),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let input = visit(input)?;
            // Rows that differ only in what is not known become one.
            let counts = input.marks.iter().all(|mark| *mark == Mark::Same);
            let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(input.plan)));
            Ok(Relaxed::new(plan, input.marks, counts))
        }
        LogicalPlan::Aggregate(aggregate) => visit_aggregate(aggregate),
        LogicalPlan::Window(window) => visit_window(window),
        LogicalPlan::Join(join) => visit_join(join),
        LogicalPlan::Union(union) => visit_union(union),
        other => not_impl_err!("{}", other.display()),
    }
}

fn visit_aggregate(aggregate: &Aggregate) -> Result<Relaxed> {
    let input = visit(&aggregate.input)?;
    let schema = &aggregate.schema;
    let mut fields = schema.iter();
    let mut next = || fields.next().expect("a field for each expression");
    let (mut groups, mut aggregates, mut told) = (Vec::new(), Vec::new(), Vec::new());
    let mut counts = true;
    for expr in &aggregate.group_expr {
        let (qualifier, field) = next();
        if input.is_same(expr) {
            groups.push(expr.clone());
            told.push((Some(Expr::Column((qualifier, field).into())), Mark::Same));
        } else {
            // Groups that differ only there become one.
            counts = false;
            groups.push(null(field.data_type())?.alias(field.name()));
            told.push(NOTHING);
        }
    }
    for expr in &aggregate.aggr_expr {
        let (_, field) = next();
        match input.aggregate(expr) {
            Some((kept, side)) => {
                told.push((Some(Expr::Column(Column::new_unqualified(field.name()))), side.mark()));
                aggregates.push(kept.alias(field.name()));
            }
            None => told.push(NOTHING),
        }
    }
    let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input.plan), groups, aggregates)?);
    project(plan, told, schema, counts)
}

/// A window function is null, or anything. One that looks at other rows of its partition is null where there are none.
fn visit_window(window: &WindowNode) -> Result<Relaxed> {
    let input = visit(&window.input)?;
    let width = input.marks.len();
    let mut told = input.own();
    // The functions that count the rows of a partition, each but once.
    let mut others: Vec<Expr> = Vec::new();
    for (expr, field) in window.window_expr.iter().zip(window.schema.fields().iter().skip(width)) {
        let Expr::WindowFunction(call) = expr.clone().unalias() else {
            told.push(NOTHING);
            continue;
        };
        let looks_aside = matches!(call.fun.name(), "lag" | "lead") && call.params.args.len() == 1;
        let params = &call.params;
        let counts_all = call.fun.name() == "count"
            && params.order_by.is_empty()
            && params.filter.is_none()
            && !params.distinct
            && params.args.iter().all(|arg| matches!(arg, Expr::Literal(..)));
        if !(looks_aside || counts_all) || !input.counts {
            told.push(NOTHING);
            continue;
        }
        let partition_by: Vec<Expr> = params.partition_by.iter().filter(|expr| input.is_same(expr)).cloned().collect();
        let rows = Expr::from(datafusion::logical_expr::expr::WindowFunction {
            fun: WindowFunctionDefinition::AggregateUDF(count_udaf()),
            params: WindowFunctionParams {
                args: vec![lit(1_i64)],
                partition_by,
                order_by: Vec::new(),
                window_frame: WindowFrame::new(None),
                filter: None,
                null_treatment: None,
                distinct: false,
            },
        });
        let known = others.iter().position(|other| *other == rows);
        let rows_there = Expr::Column(Column::new_unqualified(format!("__rows_{}", known.unwrap_or(others.len()))));
        if known.is_none() {
            others.push(rows);
        }
        told.push(if counts_all {
            (Some(rows_there), Mark::NoLess)
        } else {
            let anything = Expr::Literal(ScalarValue::new_default(field.data_type())?, None);
            let if_there = when(rows_there.gt(lit(1_i64)), anything).otherwise(null(field.data_type())?)?;
            (Some(if_there), Mark::Present)
        });
    }
    let Relaxed { plan, counts, pairs, .. } = input;
    let plan = match others.is_empty() {
        true => plan,
        false => {
            let named = others.into_iter().enumerate().map(|(place, rows)| rows.alias(format!("__rows_{place}")));
            LogicalPlan::Window(WindowNode::try_new(named.collect(), Arc::new(plan))?)
        }
    };
    Ok(Relaxed { pairs, ..project(plan, told, &window.schema, counts)? })
}

fn visit_join(join: &Join) -> Result<Relaxed> {
    use JoinType as T;
    let (left, right) = (visit(&join.left)?, visit(&join.right)?);
    match join.join_type {
        T::Inner => {}
        T::LeftSemi => {
            let on = Relaxed::keys(join, &left, &right);
            return left.join(join, T::LeftSemi, (on, right));
        }
        T::LeftAnti => return anti_join(join, left),
        T::Left => {
            let counts = left.counts && is_unique(&join.right, join.on.iter().map(|on| &on.1));
            return left.beside(None, &join.schema, counts);
        }
        T::Right => {
            let counts = right.counts && is_unique(&join.left, join.on.iter().map(|on| &on.0));
            return right.beside(Some(left.marks.len()), &join.schema, counts);
        }
        T::Full => return full_join(join, left, right),
        other => return not_impl_err!("a {other} join"),
    }
    let on = Relaxed::keys(join, &left, &right);
    if on.is_empty() {
        // What it would meet is not known: each row of the left one stands for all that it meets, if there is anything.
        let present = left.presence(join.on.iter().map(|on| &on.0));
        let met = left.filter(present)?.join(join, T::LeftSemi, (on, right))?;
        return met.beside(None, &join.schema, false);
    }
    let marks: Vec<Mark> = left.marks.iter().chain(&right.marks).copied().collect();
    let counts = left.counts && right.counts;
    let present = [left.presence(join.on.iter().map(|on| &on.0)), right.presence(join.on.iter().map(|on| &on.1))];
    let pairs = left.pairs.iter().chain(&right.pairs).cloned().collect();
    let joined = Relaxed { marks, counts, pairs, ..left.join(join, T::Inner, (on, right))? };
    let kept = present.into_iter().flatten().chain(join.filter.as_ref().and_then(|filter| joined.kept(filter)));
    let kept = conjunction(kept);
    joined.filter(kept)
}

/// Keeps the rows of the left side against which nothing stands at all times.
fn anti_join(join: &Join, left: Relaxed) -> Result<Relaxed> {
    if join.filter.is_some() || join.null_aware {
        return Ok(left);
    }
    let Some(right) = standing(&join.right)? else { return Ok(left) };
    let on = Relaxed::keys(join, &left, &right);
    if on.len() < join.on.len() {
        return Ok(left);
    }
    left.join(join, JoinType::LeftAnti, (on, right))
}

/// Returns rows of a plan that are there at every time of the stretch, with the values that are known of them. None if there
/// may be none.
fn standing(plan: &LogicalPlan) -> Result<Option<Relaxed>> {
    Ok(match plan {
        LogicalPlan::TableScan(scan) => {
            let is_receipt = |column: &Column| column.name == RECEIVED_AT;
            let Some(received_at) = scan.projected_schema.columns().into_iter().find(is_receipt) else {
                return Ok(None);
            };
            // What comes later is not there yet at the first time.
            Some(visit(plan)?.filter(Some(Expr::Column(received_at).lt_eq(as_of_first())))?)
        }
        LogicalPlan::Filter(filter) => {
            let Some(input) = standing(&filter.input)? else { return Ok(None) };
            let held: Option<Vec<Expr>> =
                split_conjunction(&filter.predicate).into_iter().map(|part| input.held(part)).collect();
            held.map(|held| input.filter(conjunction(held))).transpose()?
        }
        LogicalPlan::Projection(projection) => {
            let Some(input) = standing(&projection.input)? else { return Ok(None) };
            let told = projection.expr.iter().map(|expr| input.same_or_nothing(expr)).collect();
            Some(project(input.plan, told, &projection.schema, input.counts)?)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let Some(input) = standing(&alias.input)? else { return Ok(None) };
            let plan = SubqueryAlias::try_new(Arc::new(input.plan), alias.alias.clone())?;
            Some(Relaxed::new(LogicalPlan::SubqueryAlias(plan), input.marks, input.counts))
        }
        LogicalPlan::Distinct(Distinct::All(input)) => standing(input)?,
        LogicalPlan::Aggregate(aggregate) => {
            // A group is there as long as one of its rows is.
            let Some(input) = standing(&aggregate.input)? else { return Ok(None) };
            let groups = aggregate.group_expr.iter().map(|expr| input.same_or_nothing(expr));
            let told = groups.chain(aggregate.aggr_expr.iter().map(|_| NOTHING)).collect();
            Some(project(input.plan, told, &aggregate.schema, input.counts)?)
        }
        _ => None,
    })
}

fn full_join(join: &Join, left: Relaxed, right: Relaxed) -> Result<Relaxed> {
    let on = Relaxed::keys(join, &left, &right);
    if on.len() < join.on.len() || join.filter.is_some() {
        return not_impl_err!("a full join by what is not known");
    }
    let pairs = on.iter().filter_map(|on| match on {
        (Expr::Column(left), Expr::Column(right)) => Some((left.clone(), right.clone())),
        _ => None,
    });
    let pairs: Vec<_> = pairs.collect();
    let counts = left.counts && right.counts;
    let marks = vec![Mark::Unknown; left.marks.len() + right.marks.len()];
    Ok(Relaxed { marks, counts, pairs, ..left.join(join, JoinType::Full, (on, right))? })
}

fn visit_union(union: &Union) -> Result<Relaxed> {
    let inputs = union.inputs.iter().map(|input| visit(input)).collect::<Result<Vec<_>>>()?;
    let both = |a: Mark, b: Mark| match (a, b) {
        (a, b) if a == b => a,
        (Mark::Same, one) | (one, Mark::Same) => one,
        _ => Mark::Unknown,
    };
    let width = union.schema.fields().len();
    let marks = (0..width).map(|place| inputs.iter().map(|input| input.marks[place]).reduce(both));
    let marks: Vec<Mark> = marks.map(|mark| mark.unwrap_or(Mark::Unknown)).collect();
    let counts = inputs.iter().all(|input| input.counts);
    let inputs = inputs.into_iter().map(|input| Arc::new(input.plan)).collect();
    let plan = LogicalPlan::Union(Union { inputs, schema: Arc::clone(&union.schema) });
    Ok(Relaxed::new(plan, marks, counts))
}

/// Tells whether no two rows of a plan have the same values in these columns.
fn is_unique<'e>(plan: &LogicalPlan, columns: impl Iterator<Item = &'e Expr> + Clone) -> bool {
    let fields = plan.schema().fields();
    let is_named = |name: &str| columns.clone().any(|column| column.try_as_col().is_some_and(|own| own.name == *name));
    let named = |count: usize| {
        // Names are all there is to go by.
        let is_one = |name: &str| fields.iter().filter(|field| field.name() == name).count() == 1;
        let mut keys = fields.iter().take(count).map(|field| field.name());
        count > 0 && keys.all(|name| is_named(name) && is_one(name))
    };
    match plan {
        LogicalPlan::SubqueryAlias(alias) => is_unique(&alias.input, columns),
        LogicalPlan::Filter(filter) => is_unique(&filter.input, columns),
        LogicalPlan::Distinct(_) => named(fields.len()),
        LogicalPlan::Aggregate(aggregate) => named(aggregate.group_expr.len()),
        LogicalPlan::Projection(projection) => {
            // Only where it hands the columns on as they are.
            let handed_on = fields.iter().zip(&projection.expr).filter(|(field, _)| is_named(field.name()));
            let inner: Vec<Expr> = handed_on.map(|(_, expr)| expr.clone().unalias()).collect();
            let is_one = |expr: &Expr| {
                let column = expr.try_as_col();
                column.is_some_and(|column| {
                    projection.input.schema().fields().iter().filter(|field| *field.name() == column.name).count() == 1
                })
            };
            inner.iter().all(is_one) && is_unique(&projection.input, inner.iter())
        }
        _ => false,
    }
}

/// Gives a plan the columns of a schema.
fn project(plan: LogicalPlan, told: Vec<Told>, schema: &DFSchemaRef, counts: bool) -> Result<Relaxed> {
    let mut exprs = Vec::with_capacity(told.len());
    let mut marks = Vec::with_capacity(told.len());
    for ((expr, mark), (qualifier, field)) in told.into_iter().zip(schema.iter()) {
        let expr = match expr {
            Some(expr) => expr,
            None => null(field.data_type())?,
        };
        let is_named = matches!(&expr, Expr::Column(column)
            if column.name == *field.name() && column.relation.as_ref() == qualifier);
        exprs.push(if is_named { expr } else { expr.alias_qualified(qualifier.cloned(), field.name()) });
        marks.push(mark);
    }
    Ok(Relaxed::new(LogicalPlanBuilder::from(plan).project(exprs)?.build()?, marks, counts))
}

impl Relaxed {
    const fn new(plan: LogicalPlan, marks: Vec<Mark>, counts: bool) -> Self {
        Self { plan, marks, counts, pairs: Vec::new() }
    }

    fn same(plan: LogicalPlan) -> Self {
        let marks = vec![Mark::Same; plan.schema().fields().len()];
        Self::new(plan, marks, true)
    }

    /// Returns its columns as they are.
    fn own(&self) -> Vec<Told> {
        let columns = self.plan.schema().columns().into_iter().map(|column| Some(Expr::Column(column)));
        columns.zip(self.marks.iter().copied()).collect()
    }

    fn same_or_nothing(&self, expr: &Expr) -> Told {
        if self.is_same(expr) { (Some(expr.clone()), Mark::Same) } else { NOTHING }
    }

    /// Joins another by these keys; the marks stay its own. Without keys, whatever is there meets.
    fn join(self, like: &Join, kind: JoinType, (on, right): (Vec<(Expr, Expr)>, Self)) -> Result<Self> {
        let (left, right) = (Arc::new(self.plan), Arc::new(right.plan));
        let plan = Join::try_new(left, right, on, None, kind, like.join_constraint, like.null_equality, false)?;
        Ok(Self { plan: LogicalPlan::Join(plan), ..self })
    }

    fn filter(self, kept: Option<Expr>) -> Result<Self> {
        let Some(kept) = kept else { return Ok(self) };
        let plan = LogicalPlan::Filter(Filter::try_new(kept, Arc::new(self.plan))?);
        Ok(Self { plan, ..self })
    }

    /// Puts columns of which nothing is known beside its own: behind them, or so many before them.
    fn beside(self, before: Option<usize>, schema: &DFSchemaRef, counts: bool) -> Result<Self> {
        let mut told = vec![NOTHING; before.unwrap_or(0)];
        told.extend(self.own());
        told.resize(schema.fields().len(), NOTHING);
        Ok(Self { pairs: self.pairs, ..project(self.plan, told, schema, counts)? })
    }

    /// Returns the keys of a join that both sides have the same.
    fn keys(join: &Join, left: &Self, right: &Self) -> Vec<(Expr, Expr)> {
        join.on.iter().filter(|(a, b)| left.is_same(a) && right.is_same(b)).cloned().collect()
    }

    /// Returns that keys which are not known are there at least: a join by null meets nothing.
    fn presence<'e>(&self, keys: impl Iterator<Item = &'e Expr>) -> Option<Expr> {
        let present = keys.filter(|key| key.try_as_col().is_some_and(|column| self.mark(column) == Mark::Present));
        conjunction(present.cloned().map(Expr::is_not_null))
    }
}

fn null(ty: &DataType) -> Result<Expr> {
    Ok(Expr::Literal(ScalarValue::try_from(ty)?, None))
}
