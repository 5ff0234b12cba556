//! What a rule's plan tells of its tables' rows: when each of them matters (`times.rs`), and which of them can meet.
//!
//! Two rows meet where a plan groups, joins or orders rows together. Rows that share a value there are linked; what is
//! linked, directly or through others, is one part. Parts are answered apart: nothing that happens in one can change the
//! answer of another. Where the plan says nothing of use, all rows are one part, which is right and slow.

use std::collections::HashMap;

use datafusion::common::JoinType;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use super::super::component::COMPONENT;
use super::super::window::Window;
use super::origin::{LeafExpr, Origin, Scope};
use super::times::{self, Passing, Reason};

/// Rows of a leaf that have the same value here are of one part, with those of every other leaf's link of the class.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) class: usize,
    pub(super) value: Expr,
    /// Rows without a value are linked, too.
    pub(super) nulls_meet: bool,
}

/// What a plan tells.
#[derive(Debug)]
pub(super) struct Study {
    /// One entry a leaf.
    pub(super) passing: Vec<Passing>,
    /// One entry a leaf; none if all rows are one part.
    pub(super) links: Option<Vec<Vec<Link>>>,
}

/// A place where rows meet: the ways to tell which.
struct Meeting {
    choices: Vec<Vec<LeafExpr>>,
    nulls_meet: bool,
}

struct Walk {
    window: Option<Window>,
    passing: Vec<Passing>,
    meetings: Vec<Meeting>,
}

/// Studies a planted plan without subqueries in expressions.
///
/// # Errors
/// In words, why its moments cannot be told from it.
pub(super) fn study(plan: &LogicalPlan, leaves: usize, window: Option<Window>) -> Result<Study, Reason> {
    let mut walk = Walk { window, passing: vec![Passing::default(); leaves], meetings: Vec::new() };
    walk.visit(plan)?;
    Ok(Study { links: links(&walk.meetings, leaves), passing: walk.passing })
}

impl Walk {
    fn visit(&mut self, plan: &LogicalPlan) -> Result<Scope, Reason> {
        let inputs = plan.inputs().into_iter().map(|input| self.visit(input)).collect::<Result<Vec<_>, _>>()?;
        self.note_times(plan, &inputs)?;
        self.note_meetings(plan, &inputs)?;
        Ok(Scope::of(plan, inputs))
    }

    fn note_times(&mut self, plan: &LogicalPlan, inputs: &[Scope]) -> Result<(), Reason> {
        let both = match (plan, inputs) {
            (LogicalPlan::Join(join), [left, right]) => {
                // Its condition speaks of both sides; which rows it keeps does not matter here.
                let inner = datafusion::logical_expr::Join { join_type: JoinType::Inner, ..join.clone() };
                let schema = left.schema.join(&right.schema).map_err(|error| error.strip_backtrace())?;
                let inner = datafusion::logical_expr::Join { schema: schema.into(), ..inner };
                Scope::of(&LogicalPlan::Join(inner), inputs.to_vec())
            }
            (_, [input, ..]) => input.clone(),
            _ => return Ok(()),
        };
        for expr in plan.expressions() {
            times::note(&expr, &both, &mut self.passing)?;
        }
        match plan {
            LogicalPlan::Filter(filter) => times::bound(&filter.predicate, &both, self.window, &mut self.passing),
            LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
                join.filter.iter().for_each(|filter| times::bound(filter, &both, self.window, &mut self.passing));
            }
            _ => {}
        }
        Ok(())
    }

    fn note_meetings(&mut self, plan: &LogicalPlan, inputs: &[Scope]) -> Result<(), Reason> {
        let total = |origin: &Origin| origin.is_total && !origin.values.is_empty();
        match (plan, inputs) {
            (LogicalPlan::Aggregate(aggregate), [input]) if input.has_leaf => {
                let groups = aggregate.group_expr.iter().map(|expr| input.trace(expr));
                self.meet(groups.filter(total).map(|origin| origin.values).collect(), true);
            }
            (LogicalPlan::Distinct(Distinct::All(_)), [input]) if input.has_leaf => {
                let columns = input.origins.iter().filter(|origin| total(origin));
                self.meet(columns.map(|origin| origin.values.clone()).collect(), true);
            }
            (LogicalPlan::Window(window), [input]) if input.has_leaf => {
                for expr in &window.window_expr {
                    let Expr::WindowFunction(call) = expr.clone().unalias() else {
                        return Err("a window function in an unknown form".to_owned());
                    };
                    let by = |exprs: &[Expr]| -> Vec<Vec<LeafExpr>> {
                        exprs.iter().map(|expr| input.trace(expr)).filter(total).map(|origin| origin.values).collect()
                    };
                    if call.fun.name() == COMPONENT && call.params.partition_by.is_empty() {
                        // What it links, and nothing else, meets there.
                        call.params.args.iter().take(2).for_each(|arg| self.meet(by(std::slice::from_ref(arg)), false));
                    } else {
                        self.meet(by(&call.params.partition_by), true);
                    }
                }
            }
            (LogicalPlan::Join(join), [left, right]) if left.has_leaf && right.has_leaf => {
                let choice = |(a, b): &(Expr, Expr)| {
                    let (a, b) = (left.trace(a), right.trace(b));
                    (!a.values.is_empty() && !b.values.is_empty()).then(|| [a.values, b.values].concat())
                };
                self.meet(join.on.iter().filter_map(choice).collect(), false);
            }
            _ => {}
        }
        Ok(())
    }

    fn meet(&mut self, choices: Vec<Vec<LeafExpr>>, nulls_meet: bool) {
        self.meetings.push(Meeting { choices, nulls_meet });
    }
}

/// Chooses for each meeting what most others go by as well, so that parts stay small. None if one has no choice.
fn links(meetings: &[Meeting], leaves: usize) -> Option<Vec<Vec<Link>>> {
    if meetings.is_empty() {
        return None;
    }
    let mut uses: HashMap<&LeafExpr, usize> = HashMap::new();
    for value in meetings.iter().flat_map(|meeting| meeting.choices.iter().flatten()) {
        *uses.entry(value).or_default() += 1;
    }
    let mut links: Vec<Vec<Link>> = vec![Vec::new(); leaves];
    for (class, meeting) in meetings.iter().enumerate() {
        let used = |choice: &&Vec<LeafExpr>| choice.iter().map(|value| uses[value]).sum::<usize>();
        // The first of equals: people group by whom they look for first.
        let chosen = meeting.choices.iter().rev().max_by_key(used)?;
        for (leaf, value) in chosen {
            links[*leaf].push(Link { class, value: value.clone(), nulls_meet: meeting.nulls_meet });
        }
    }
    Some(links)
}
