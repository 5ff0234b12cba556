//! A plan that answers one moment, made to answer many at once: each row carries the number of its moment, rows of
//! different moments never meet, and each place that speaks of the time asks for the time of the row's own moment.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use arrow::array::{AsArray, BooleanArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType, NullEquality, Result, exec_datafusion_err, not_impl_err};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, ColumnarValue, Distinct, Expr, Filter, Join, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Sort, SubqueryAlias, Union, Volatility, Window as WindowNode,
};

use super::super::functions::{AS_OF, AS_OF_FIRST, IN_WINDOW, time_type};
use super::super::window::Window;
use super::leaf::MOMENT;

/// The moments at hand, by their number: the first and the last time of each. A moment of more than one time stands for all
/// in between; only a relaxed plan can be asked about it.
#[derive(Debug, Default)]
pub(super) struct Times(ArcSwap<Vec<(i64, i64)>>);

impl Times {
    /// Puts other moments in place.
    pub(super) fn put(&self, times: Vec<(i64, i64)>) {
        self.0.store(Arc::new(times));
    }
}

/// Returns the plan that answers for every moment of its leaves' rows. Its last column is [`MOMENT`].
///
/// # Errors
/// `NotImplemented` with the step that cannot be asked for many moments at once.
pub(super) fn carry(plan: &LogicalPlan, window: Option<Window>, times: &Arc<Times>) -> Result<LogicalPlan> {
    let mut carrier = Carrier { window, times: Arc::clone(times), named: 0 };
    let (carried, moment) = carrier.visit(plan)?;
    let Some(moment) = moment else { return not_impl_err!("it reads no table") };
    let answer = plan.schema().columns().into_iter().map(Expr::Column);
    let answer = answer.chain([Expr::Column(moment).alias(MOMENT)]);
    LogicalPlanBuilder::from(carried).project(answer)?.build()
}

/// A plan, and its column that tells the moment; a table of constants has none.
type Carried = (LogicalPlan, Option<Column>);

struct Carrier {
    window: Option<Window>,
    times: Arc<Times>,
    named: usize,
}

impl Carrier {
    fn visit(&mut self, plan: &LogicalPlan) -> Result<Carried> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let columns = scan.projected_schema.columns();
                let moment = columns.iter().find(|column| column.name == MOMENT).cloned();
                let Some(moment) = moment else { return Ok((plan.clone(), None)) };
                let others = columns.into_iter().filter(|column| column.name != MOMENT);
                self.project(plan.clone(), others, Expr::Column(moment))
            }
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => Ok((plan.clone(), None)),
            LogicalPlan::Projection(projection) => {
                let (input, moment) = self.visit(&projection.input)?;
                let exprs = self.tell_times(plan, &projection.expr, moment.as_ref())?;
                let exprs = exprs.into_iter().chain(moment.clone().map(Expr::Column));
                Ok((LogicalPlanBuilder::from(input).project(exprs)?.build()?, moment))
            }
            LogicalPlan::Filter(filter) => {
                let (input, moment) = self.visit(&filter.input)?;
                let predicate = self.tell_time(filter.predicate.clone(), moment.as_ref())?;
                Ok((LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?), moment))
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let (input, moment) = self.visit(&alias.input)?;
                let moment = moment.map(|moment| Column::new(Some(alias.alias.clone()), moment.name));
                let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
                Ok((LogicalPlan::SubqueryAlias(alias), moment))
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                let (input, moment) = self.visit(&sort.input)?;
                Ok((LogicalPlan::Sort(Sort { input: Arc::new(input), ..sort.clone() }), moment))
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let (input, moment) = self.visit(input)?;
                Ok((LogicalPlan::Distinct(Distinct::All(Arc::new(input))), moment))
            }
            LogicalPlan::Aggregate(aggregate) => self.visit_aggregate(plan, aggregate),
            LogicalPlan::Window(window) => self.visit_window(plan, window),
            LogicalPlan::Join(join) => self.visit_join(join),
            LogicalPlan::Union(union) => self.visit_union(union),
            other => not_impl_err!("{}", other.display()),
        }
    }

    fn visit_aggregate(&mut self, plan: &LogicalPlan, aggregate: &Aggregate) -> Result<Carried> {
        let (input, moment) = self.visit(&aggregate.input)?;
        let Some(moment) = moment else { return not_impl_err!("an aggregate of constants") };
        if aggregate.group_expr.is_empty() || matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]) {
            // Without rows it has one answer at every moment, and not only at those at hand.
            return not_impl_err!("an aggregate over all rows");
        }
        let mut groups = self.tell_times(plan, &aggregate.group_expr, Some(&moment))?;
        groups.push(Expr::Column(moment.clone()));
        let aggregates = self.tell_times(plan, &aggregate.aggr_expr, Some(&moment))?;
        let carried = Aggregate::try_new(Arc::new(input), groups, aggregates)?;
        Ok((LogicalPlan::Aggregate(carried), Some(moment)))
    }

    fn visit_window(&mut self, plan: &LogicalPlan, window: &WindowNode) -> Result<Carried> {
        let (input, moment) = self.visit(&window.input)?;
        let Some(moment) = moment else { return not_impl_err!("a window function over constants") };
        let names = NamePreserver::new(plan);
        let apart = |expr: Expr| -> Result<Expr> {
            let name = names.save(&expr);
            let expr = expr.transform_down(|expr| match expr {
                Expr::WindowFunction(mut call) => {
                    call.params.partition_by.push(Expr::Column(moment.clone()));
                    Ok(Transformed::new(
                        Expr::WindowFunction(call),
                        true,
                        datafusion::common::tree_node::TreeNodeRecursion::Jump,
                    ))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(name.restore(expr.data))
        };
        let exprs = self.tell_times(plan, &window.window_expr, Some(&moment))?;
        let exprs = exprs.into_iter().map(apart).collect::<Result<Vec<_>>>()?;
        Ok((LogicalPlan::Window(WindowNode::try_new(exprs, Arc::new(input))?), Some(moment)))
    }

    fn visit_join(&mut self, join: &Join) -> Result<Carried> {
        use JoinType as T;
        if join.null_equality == NullEquality::NullEqualsNull {
            return not_impl_err!("a join in which null meets null");
        }
        let (left, left_moment) = self.visit(&join.left)?;
        let (right, right_moment) = self.visit(&join.right)?;
        let kind = join.join_type;
        let keeps_left_only = matches!(kind, T::LeftSemi | T::LeftAnti | T::LeftMark);
        let keeps_right_only = matches!(kind, T::RightSemi | T::RightAnti | T::RightMark);
        let mut on = join.on.clone();
        let moment = match (left_moment, right_moment) {
            (Some(left), Some(right)) => {
                if join.null_aware {
                    return not_impl_err!("`not in` over rows that may be null");
                }
                on.push((Expr::Column(left.clone()), Expr::Column(right.clone())));
                let (left, right) = (Expr::Column(left), Expr::Column(right));
                Some(match kind {
                    T::Right => right,
                    T::Full => coalesce(vec![left, right]),
                    _ if keeps_right_only => right,
                    _ => left,
                })
            }
            // A constant that no row meets would have to stand there at every moment.
            (Some(left), None) if kind == T::Inner || kind == T::Left || keeps_left_only => Some(Expr::Column(left)),
            (None, Some(right)) if kind == T::Inner || kind == T::Right || keeps_right_only => {
                Some(Expr::Column(right))
            }
            (None, None) => None,
            _ => return not_impl_err!("an outer join that keeps constants"),
        };
        let named = moment.as_ref().and_then(|moment| moment.column_refs().into_iter().next().cloned());
        let filter = join.filter.clone().map(|filter| self.tell_time(filter, named.as_ref())).transpose()?;
        let carried = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on,
            filter,
            kind,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?;
        let carried = LogicalPlan::Join(carried);
        match moment {
            Some(moment) => self.project(carried, join.schema.columns(), moment),
            None => Ok((carried, None)),
        }
    }

    fn visit_union(&mut self, union: &Union) -> Result<Carried> {
        let name = self.name();
        let mut inputs = Vec::with_capacity(union.inputs.len());
        for input in &union.inputs {
            let own = input.schema().columns().into_iter().filter(|column| column.name != MOMENT).map(Expr::Column);
            let (carried, moment) = self.visit(input)?;
            let Some(moment) = moment else { return not_impl_err!("a union with constants") };
            let exprs = own.chain([Expr::Column(moment).alias(&name)]);
            inputs.push(Arc::new(LogicalPlanBuilder::from(carried).project(exprs)?.build()?));
        }
        let union = Union::try_new_with_loose_types(inputs)?;
        Ok((LogicalPlan::Union(union), Some(Column::new_unqualified(name))))
    }

    /// Narrows a plan to these columns and the moment, under a name of its own.
    fn project(
        &mut self,
        plan: LogicalPlan,
        columns: impl IntoIterator<Item = Column>,
        moment: Expr,
    ) -> Result<Carried> {
        let name = self.name();
        let exprs = columns.into_iter().map(Expr::Column).chain([moment.alias(&name)]);
        Ok((LogicalPlanBuilder::from(plan).project(exprs)?.build()?, Some(Column::new_unqualified(name))))
    }

    fn name(&mut self) -> String {
        self.named += 1;
        format!("{MOMENT}_{}", self.named)
    }

    /// Rewrites the expressions of a node; their names stay.
    fn tell_times(&self, plan: &LogicalPlan, exprs: &[Expr], moment: Option<&Column>) -> Result<Vec<Expr>> {
        let names = NamePreserver::new(plan);
        let told = exprs.iter().map(|expr| {
            let name = names.save(expr);
            Ok(name.restore(self.tell_time(expr.clone(), moment)?))
        });
        told.collect()
    }

    /// Makes an expression speak of the time of the row's moment.
    fn tell_time(&self, expr: Expr, moment: Option<&Column>) -> Result<Expr> {
        let told = expr.transform_up(|expr| {
            let Expr::ScalarFunction(call) = &expr else { return Ok(Transformed::no(expr)) };
            let question = match (call.name(), self.window) {
                (AS_OF, _) => Question::Last,
                (AS_OF_FIRST, _) => Question::First,
                (IN_WINDOW, Some(window)) => Question::IsIn(window),
                _ => return Ok(Transformed::no(expr)),
            };
            let Some(moment) = moment else { return not_impl_err!("a time among constants") };
            let told = ScalarUDF::from(TimeOf::new(question, &self.times));
            let args = call.args.iter().cloned().chain([Expr::Column(moment.clone())]).collect();
            Ok(Transformed::yes(told.call(args)))
        });
        told.map(|told| told.data)
    }
}

/// What is asked about a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Its first time.
    First,
    /// Its last.
    Last,
    /// Whether another time is in the window at one of its times.
    IsIn(Window),
}

/// Answers a question about a moment, which is its last argument.
struct TimeOf {
    question: Question,
    times: Arc<Times>,
    signature: Signature,
}

impl TimeOf {
    fn new(question: Question, times: &Arc<Times>) -> Self {
        let arguments = match question {
            Question::IsIn(_) => vec![time_type(), DataType::Int64],
            Question::First | Question::Last => vec![DataType::Int64],
        };
        // Not immutable: it says something else once other moments are at hand.
        Self { question, times: Arc::clone(times), signature: Signature::exact(arguments, Volatility::Stable) }
    }
}

impl ScalarUDFImpl for TimeOf {
    fn name(&self) -> &str {
        match self.question {
            Question::First => "first_time_of",
            Question::Last => "time_of",
            Question::IsIn(_) => "in_window_of",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if matches!(self.question, Question::IsIn(_)) { DataType::Boolean } else { time_type() })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let times = self.times.0.load();
        let time_of = |moment: i64| {
            let time = usize::try_from(moment).ok().and_then(|place| times.get(place)).copied();
            time.ok_or_else(|| exec_datafusion_err!("moment {moment} is not at hand"))
        };
        let moments = args.args.last().expect("the signature has one").to_array(rows)?;
        let moments = moments.as_primitive::<Int64Type>().iter();
        let Question::IsIn(window) = self.question else {
            let end = |(first, last)| if self.question == Question::First { first } else { last };
            let times = moments.map(|moment| moment.map(time_of).transpose().map(|time| time.map(end)));
            let times = times.collect::<Result<TimestampMicrosecondArray>>()?.with_timezone("UTC");
            return Ok(ColumnarValue::Array(Arc::new(times)));
        };
        let at = cast(&args.args[0].to_array(rows)?, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        let both = at.as_primitive::<TimestampMicrosecondType>().iter().zip(moments);
        let is_in = both.map(|both| {
            let (Some(at), Some(moment)) = both else { return Ok(None) };
            // Of all its times, the first from `at` on is the one at which it most likely is.
            let (first, last) = time_of(moment)?;
            Ok(Some(window.contains(at, first.max(at).min(last))))
        });
        Ok(ColumnarValue::Array(Arc::new(is_in.collect::<Result<BooleanArray>>()?)))
    }
}

impl fmt::Debug for TimeOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeOf").field("question", &self.question).finish_non_exhaustive()
    }
}

impl PartialEq for TimeOf {
    fn eq(&self, other: &Self) -> bool {
        self.question == other.question && Arc::ptr_eq(&self.times, &other.times)
    }
}

impl Eq for TimeOf {}

impl std::hash::Hash for TimeOf {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (std::mem::discriminant(&self.question), Arc::as_ptr(&self.times)).hash(state);
    }
}
