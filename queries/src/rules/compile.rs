//! From a file's text to a rule: headers, text, plan, and the way it runs. Reads no file and keeps no state.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{LogicalPlan, Volatility};

use crate::catalogue::{Headers, SourceProblem};
use crate::engine::{Engine, Tables, diagnose};
use crate::error::QueryError;
use crate::hits::EntityKind;

use super::answer::REQUIRED;
use super::headers::RuleHeaders;
use super::recognise::recognise;
use super::rule::{Rule, Way};
use super::session::plan;
use super::shape::LiveShape;
use super::state::bytes_per_entity;
use super::text::{Clock, ENTITY_ID, RuleText};

/// Stack of the thread that plans a rule; address space, used only by texts that need it.
const STACK_BYTES: usize = 64 << 20;

/// Compiles rules over tables of known columns, with the functions and views of the query engine.
pub struct RuleCompiler {
    engine: Arc<Engine>,
    tables: Tables,
}

impl RuleCompiler {
    /// Returns a compiler for rules over these tables: their names, and their columns as SQL sees them.
    #[must_use]
    pub fn new(engine: Arc<Engine>, tables: &[(String, SchemaRef)]) -> Self {
        let empty = |schema: &SchemaRef| Arc::new(EmptyTable::new(Arc::clone(schema))) as Arc<dyn TableProvider>;
        Self { engine, tables: tables.iter().map(|(name, schema)| (name.clone(), empty(schema))).collect() }
    }

    /// Compiles one file. `file` is what its author calls it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and what to do about it.
    pub fn compile(&self, name: &str, file: &str, text: &str) -> Result<Rule, SourceProblem> {
        // A text as deep as the guard allows still takes more stack to plan than a common thread has.
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("weir-rule-plan".into()).stack_size(STACK_BYTES);
            let compiled = thread.spawn_scoped(scope, || self.compile_here(name, file, text));
            let stopped = || SourceProblem::new(file, 0, "the planner stopped unexpectedly; the log tells more", None);
            compiled.map_err(|_| stopped()).and_then(|thread| thread.join().map_err(|_| stopped())?)
        })
    }

    fn compile_here(&self, name: &str, file: &str, text: &str) -> Result<Rule, SourceProblem> {
        let headers = RuleHeaders::read(&Headers::parse(file, text)?)?;
        self.engine.guard(text).map_err(|error| guard_problem(file, &error))?;
        let sql = RuleText::parse(file, text)?;
        check_text(file, &headers, &sql)?;
        let version = blake3::hash(text.as_bytes()).to_hex();
        let mut rule = Rule {
            name: Arc::from(name),
            version: Arc::from(&version[..16]),
            file: file.to_owned(),
            text: Arc::from(text),
            reads: BTreeSet::new(),
            way: Way::Scheduled { reason: String::new(), every_ms: to_ms(headers.pace_us()) },
            headers,
            sql,
            shapes: Vec::new(),
        };
        let mut shapes = Ok(Vec::new());
        for kind in rule.headers.entities.clone() {
            let plan = self.plan(&rule, kind).map_err(|error| planning_problem(file, &error))?;
            check_columns(file, &plan)?;
            note_tables(&plan, &mut rule.reads).map_err(|error| planning_problem(file, &error))?;
            if let Ok(made) = &mut shapes {
                match live_shape(&rule, &plan) {
                    Ok(shape) => made.push(Arc::new(shape)),
                    Err(reason) => shapes = Err(reason),
                }
            }
        }
        match shapes {
            Ok(shapes) => {
                let bytes: u64 = shapes.iter().map(|shape| bytes_per_entity(&shape.functions())).sum();
                rule.way = Way::Live { state_bytes_per_million: bytes * 1_000_000 };
                rule.shapes = shapes;
            }
            Err(reason) => rule.way = Way::Scheduled { reason, every_ms: to_ms(rule.headers.pace_us()) },
        }
        Ok(rule)
    }

    fn plan(&self, rule: &Rule, kind: EntityKind) -> Result<LogicalPlan, DataFusionError> {
        let tables = rule.sight(kind).over(&self.tables)?;
        plan(&self.engine, rule.sql.statement(Clock::Marked, rule.headers.window), tables)
    }
}

/// Notes the tables that a plan reads.
fn note_tables(plan: &LogicalPlan, tables: &mut BTreeSet<String>) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.insert(scan.table_name.table().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Returns the live form of a plan, or why there is none.
fn live_shape(rule: &Rule, plan: &LogicalPlan) -> Result<LiveShape, String> {
    if rule.headers.every_us.is_some() {
        return Err("the header `every` asks for it".to_owned());
    }
    if rule.headers.window.is_none() {
        return Err("it has no window".to_owned());
    }
    let parts = recognise(plan)?;
    let on = &rule.headers.on;
    if !on.is_empty() && !on.contains(&parts.table.as_str()) {
        return Err(format!("it reads `{}`, which its header `on` does not name", parts.table));
    }
    LiveShape::new(&parts).map_err(|error| error.strip_backtrace())
}

/// Checks what can be told without tables: the clock, the window, and the entity.
fn check_text(file: &str, headers: &RuleHeaders, sql: &RuleText) -> Result<(), SourceProblem> {
    for (name, line) in sql.functions() {
        if is_volatile(name) {
            let message = format!("a rule may not call `{name}()`: it would find something else each time it is asked");
            return Err(SourceProblem::new(file, *line, message, Some("use `$as_of` for the time".to_owned())));
        }
    }
    if sql.uses_window && headers.window.is_none() {
        let remedy = Some("add a line such as `--! window: 24h`".to_owned());
        return Err(SourceProblem::new(file, 0, "it uses `in_window` and has no window", remedy));
    }
    if headers.entities.len() > 1 && !sql.uses_entity_id {
        let message = "a rule of several kinds of entities must select `entity_id`";
        let remedy = Some(format!("write `{ENTITY_ID} as entity` and group by {ENTITY_ID}"));
        return Err(SourceProblem::new(file, 0, message, remedy));
    }
    Ok(())
}

/// Tells whether a function may answer differently to the same question. Unknown ones are the planner's to refuse.
fn is_volatile(name: &str) -> bool {
    if matches!(name, "current_timestamp" | "localtimestamp" | "localtime" | "today") {
        return true;
    }
    SessionStateDefaults::default_scalar_functions()
        .iter()
        .find(|function| function.name() == name || function.aliases().iter().any(|alias| alias == name))
        .is_some_and(|function| function.signature().volatility != Volatility::Immutable)
}

/// Checks the selected columns' names and types.
fn check_columns(file: &str, plan: &LogicalPlan) -> Result<(), SourceProblem> {
    let schema = plan.schema();
    let find = |name: &str| schema.fields().iter().find(|field| field.name() == name);
    if let Some(missing) = REQUIRED.into_iter().find(|name| find(name).is_none()) {
        let message = format!("it does not select `{missing}`");
        let remedy = Some(
            "a rule selects `entity`, `observed` and `threshold`, and may select `verdict`, `points` and `component`"
                .to_owned(),
        );
        return Err(SourceProblem::new(file, 0, message, remedy));
    }
    let is_text = |ty: &DataType| ty.is_string() || ty.is_null();
    for name in ["observed", "threshold", "points"] {
        if let Some(field) = find(name).filter(|field| !field.data_type().is_numeric() && !field.data_type().is_null())
        {
            let message = format!("`{name}` is {}, not a number", field.data_type());
            return Err(SourceProblem::new(file, 0, message, Some("make it a whole number".to_owned())));
        }
    }
    for (name, remedy) in [("verdict", "make it 'none', 'throttle' or 'block'"), ("component", "cast it to text")] {
        if let Some(field) = find(name).filter(|field| !is_text(field.data_type())) {
            let message = format!("`{name}` is {}, not a text", field.data_type());
            return Err(SourceProblem::new(file, 0, message, Some(remedy.to_owned())));
        }
    }
    Ok(())
}

fn guard_problem(file: &str, error: &QueryError) -> SourceProblem {
    let (line, remedy) = match error {
        QueryError::Invalid { line, hint, .. } => (line.unwrap_or(0), hint.clone()),
        _ => (0, None),
    };
    SourceProblem::new(file, line, error.to_string(), remedy)
}

fn planning_problem(file: &str, error: &DataFusionError) -> SourceProblem {
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let line = span.and_then(|span| u32::try_from(span.start.line).ok()).unwrap_or(0);
    // The same words as for a statement, and which name was meant.
    match diagnose(error) {
        QueryError::Invalid { message, line: found, hint, .. } => {
            SourceProblem::new(file, if line > 0 { line } else { found.unwrap_or(0) }, message, hint)
        }
        _ => SourceProblem::new(file, line, error.strip_backtrace(), None),
    }
}

fn to_ms(us: i64) -> u64 {
    u64::try_from(us / 1_000).unwrap_or(0)
}
