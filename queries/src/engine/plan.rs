//! Planning: from a text to a physical plan, on a thread with a large stack.
//!
//! Planning does not yield and cannot be stopped. When its time is over the question is answered, but the thread and
//! its ticket (the turn among concurrent queries) live until the planner returns.

use std::sync::Arc;

use datafusion::catalog::CatalogProviderList;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::TaskContext;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::config::EngineConfig;
use super::diagnose::{self, Names};
use super::execute::Ticket;
use super::params::{self, Params};
use super::schema::{CATALOG, SCHEMA};
use super::{Engine, guard};
use crate::error::QueryError;

/// Stack of a planning thread: reserved as address space, used only by statements that need it.
const PLANNER_STACK_BYTES: usize = 64 << 20;
/// Centroids that an approximate percentile may keep.
const CENTROIDS_MAX: u64 = 10_000;

/// What the optimizer calls its check of the finished plan.
const SANITY_CHECK: &str = "SanityCheckPlan";

/// What is to be planned. The ticket is held until planning ends and handed on with the plan.
pub(super) struct Question {
    pub(super) asked: Asked,
    pub(super) session: SessionState,
    pub(super) ticket: Ticket,
}

/// What is asked.
pub(super) enum Asked {
    /// A text from outside, and its parameters.
    Sql(String, Params),
    /// A plan of our own, optimised already.
    Plan(LogicalPlan),
}

/// A plan, ready to run.
pub(super) struct Planned {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    pub(super) context: Arc<TaskContext>,
    pub(super) explains: bool,
    pub(super) names: Names,
    pub(super) ticket: Ticket,
}

impl Engine {
    /// Plans a question on a thread of its own.
    pub(super) async fn plan(&self, question: Question) -> Result<Planned, QueryError> {
        let running = Arc::clone(question.ticket.1.running());
        let (config, handle) = (self.config.clone(), self.runtime().handle().clone());
        let (sender, receiver) = oneshot::channel();
        let work = move || {
            if let Some(hook) = &config.on_thread_start {
                hook();
            }
            let planned = plan(question, &config, &handle);
            // Nobody receives it when the deadline has passed.
            let _ = sender.send(planned);
        };
        let thread = std::thread::Builder::new().name("weir-query-plan".into()).stack_size(PLANNER_STACK_BYTES);
        thread.spawn(work).map_err(|error| {
            tracing::error!(thread.error = %error, "no thread to plan a query on");
            QueryError::Busy
        })?;
        tokio::select! {
            planned = receiver => planned.unwrap_or_else(|_| {
                Err(QueryError::Internal("the planner stopped unexpectedly; the log tells more".into()))
            }),
            reason = running.stopped() => Err(reason),
        }
    }
}

fn plan(question: Question, config: &EngineConfig, handle: &Handle) -> Result<Planned, QueryError> {
    let Question { asked, session, ticket } = question;
    let names = Names { tables: table_names(session.catalog_list().as_ref()) };
    let wrong = |error: DataFusionError| diagnose::query(&error, &names);
    let (sql, params) = match asked {
        Asked::Sql(sql, params) => (sql, params),
        Asked::Plan(logical) => {
            let physical = session.query_planner().create_physical_plan(&logical, &session);
            let plan = handle.block_on(physical).map_err(wrong)?;
            return Ok(Planned { plan, context: session.task_ctx(), explains: false, names, ticket });
        }
    };
    let mut statement = guard::parse(&sql, config)?;
    params::bind(&mut statement, &params)?;
    let logical = handle.block_on(session.statement_to_plan(statement)).map_err(wrong)?;
    verify(&logical)?;
    check_aggregates(&logical).map_err(wrong)?;
    let explains = matches!(logical, LogicalPlan::Explain(_));
    let plan = handle.block_on(physical(&session, &logical)).map_err(wrong)?;
    Ok(Planned { plan, context: session.task_ctx(), explains, names, ticket })
}

/// Makes the physical plan. Where a condition holds a column constant, the optimizer may leave it out of sorts that it divides,
/// and no longer know why once the condition has moved into one side of a union (buffer and files); its own check then refuses
/// the plan. Undivided there is nothing to merge in order, and the same question has an answer.
async fn physical(session: &SessionState, logical: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    match session.create_physical_plan(logical).await {
        Err(DataFusionError::Context(rule, _)) if rule == SANITY_CHECK => {
            let mut undivided = session.clone();
            undivided.config_mut().options_mut().execution.target_partitions = 1;
            undivided.create_physical_plan(logical).await
        }
        planned => planned,
    }
}

/// The last word on what a statement may do, asked of the plan itself.
fn verify(plan: &LogicalPlan) -> Result<(), QueryError> {
    let reads_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads_only.verify_plan(plan).map_err(|error| {
        tracing::debug!(query.refused = %error, "a statement that does more than read");
        QueryError::Forbidden("only reading is allowed; this statement would change or define something".into())
    })
}

/// Bounds the one aggregate argument that makes an accumulator allocate at once.
fn check_aggregates(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                check_percentile(expr)?;
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map(|_| ())
}

fn check_percentile(expr: &Expr) -> Result<(), DataFusionError> {
    let Expr::AggregateFunction(call) = expr else { return Ok(()) };
    let position = match call.func.name() {
        "approx_percentile_cont" => 2,
        "approx_percentile_cont_with_weight" => 3,
        _ => return Ok(()),
    };
    let allowed = match call.params.args.get(position) {
        None => true,
        Some(Expr::Literal(value, _)) => {
            matches!(value, ScalarValue::Int64(Some(n)) if (1..=CENTROIDS_MAX as i64).contains(n))
        }
        Some(_) => false,
    };
    if allowed {
        return Ok(());
    }
    Err(DataFusionError::Plan(format!("{} keeps 1 to {CENTROIDS_MAX} centroids, stated as a number", call.func.name())))
}

fn table_names(catalogs: &dyn CatalogProviderList) -> Vec<String> {
    let schema = catalogs.catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA));
    schema.map(|schema| schema.table_names()).unwrap_or_default()
}
