//! A rule's SQL as a syntax tree: what is refused in it, and how it is made to speak of one moment. Works on the tree,
//! never on the text; knows no tables and no types (`compile.rs`).
//!
//! Three things are rewritten wherever they stand. `in_window(t)` becomes the equivalent range of `window.rs`, which
//! files can be pruned by; `$as_of` becomes a typed time; `count(distinct x)` is held to the cap that live state has,
//! so that it reads the same every way a rule runs.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Select,
    SelectItem, SetExpr, Spanned, Statement, Value, VisitMut, VisitorMut, visit_expressions, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::catalogue::SourceProblem;

use super::window::Window;

/// A distinct count reads at most this; live state keeps no more values an entity.
pub const DISTINCT_MAX: usize = 1_000;

/// The column that stands for the entity in a rule of several kinds.
pub(crate) const ENTITY_ID: &str = "entity_id";

/// Depth of nested expressions, as the query engine allows it.
const DEPTH_MAX: usize = 100;

/// How the rewritten text tells the time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// By the marker functions `in_window` and `as_of`, which a plan keeps visible.
    Marked,
    /// By this time, in microseconds.
    At(i64),
}

/// The statement of a rule.
#[derive(Clone, Debug)]
pub(crate) struct RuleText {
    statement: Statement,
    /// Functions it calls, in lower case, with their lines.
    functions: Vec<(String, u32)>,
    /// The lines where it divides by what may be zero.
    divisions: Vec<u32>,
    pub(crate) uses_entity_id: bool,
    pub(crate) uses_window: bool,
}

impl RuleText {
    /// Parses a file's text, headers included.
    ///
    /// Errors: it is not one query, does not parse, has a parameter other than `$as_of`, or calls `in_window` with
    /// anything but one argument.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, SourceProblem> {
        let problem = |line, message: String, remedy: Option<&str>| {
            SourceProblem::new(file, line, message, remedy.map(str::to_owned))
        };
        let mut statements = Parser::new(&PostgreSqlDialect {})
            .with_recursion_limit(DEPTH_MAX)
            .try_with_sql(text)
            .and_then(|mut parser| parser.parse_statements())
            .map_err(|error| {
                let (message, line) = split_place(&error.to_string());
                problem(line, message, None)
            })?;
        let (Some(statement @ Statement::Query(_)), true) = (statements.pop(), statements.is_empty()) else {
            return Err(problem(0, "a rule is one `select`".to_owned(), Some("keep one query and nothing else")));
        };
        let mut rule = Self {
            statement: statement.clone(),
            functions: Vec::new(),
            divisions: Vec::new(),
            uses_entity_id: false,
            uses_window: false,
        };
        let found = visit_expressions(&statement, |expr| match rule.note(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err((message, remedy)) => ControlFlow::Break(problem(line_of(expr), message, Some(remedy))),
        });
        match found {
            ControlFlow::Break(problem) => Err(problem),
            ControlFlow::Continue(()) => Ok(rule),
        }
    }

    /// Returns the functions it calls, in lower case, with the line of each call.
    pub(crate) fn functions(&self) -> &[(String, u32)] {
        &self.functions
    }

    /// Returns the lines where it divides by what may be zero.
    pub(crate) fn divisions(&self) -> &[u32] {
        &self.divisions
    }

    /// Returns the statement that asks it at one time, or with the time left to marker functions. Names keep their places
    /// in the file.
    pub(crate) fn statement(&self, clock: Clock, window: Option<Window>) -> Statement {
        let mut statement = self.statement.clone();
        let mut rewrite = Rewrite { clock, window };
        let _: ControlFlow<()> = statement.visit(&mut rewrite);
        statement
    }

    /// Returns the SQL of [`Self::statement`], on one line.
    pub(crate) fn sql(&self, clock: Clock, window: Option<Window>) -> String {
        self.statement(clock, window).to_string()
    }

    /// Returns the threshold, if it is one constant that the `having` holds something against.
    pub(crate) fn threshold(&self) -> Option<i64> {
        let select = select_of(&self.statement)?;
        let threshold = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if alias.value.eq_ignore_ascii_case("threshold") => integer(expr),
            _ => None,
        })?;
        let mut is_held_against = false;
        let _: ControlFlow<()> = visit_expressions(select.having.as_ref()?, |expr| {
            is_held_against |= integer(expr) == Some(threshold);
            ControlFlow::Continue(())
        });
        is_held_against.then_some(threshold)
    }

    /// Returns the SQL with another threshold: the selected one, and the same number wherever the `having` has it.
    pub(crate) fn with_threshold(&self, threshold: i64) -> Option<String> {
        let old = self.threshold()?;
        let mut statement = self.statement.clone();
        let Statement::Query(query) = &mut statement else { return None };
        let SetExpr::Select(select) = query.body.as_mut() else { return None };
        let new = parse(&threshold.to_string());
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { expr, alias } = item
                && alias.value.eq_ignore_ascii_case("threshold")
            {
                *expr = new.clone();
            }
        }
        let _: ControlFlow<()> = visit_expressions_mut(&mut select.having, |expr| {
            if integer(expr) == Some(old) {
                *expr = new.clone();
            }
            ControlFlow::Continue(())
        });
        Some(statement.to_string())
    }

    fn note(&mut self, expr: &Expr) -> Result<(), (String, &'static str)> {
        match expr {
            Expr::Identifier(name) => self.uses_entity_id |= name.value.eq_ignore_ascii_case(ENTITY_ID),
            Expr::CompoundIdentifier(path) => {
                self.uses_entity_id |= path.last().is_some_and(|name| name.value.eq_ignore_ascii_case(ENTITY_ID));
            }
            Expr::Value(value) => {
                if let Value::Placeholder(name) = &value.value
                    && name != "$as_of"
                {
                    return Err((format!("a rule has no parameter `{name}`"), "the only one is `$as_of`"));
                }
            }
            Expr::BinaryOp { op: BinaryOperator::Divide | BinaryOperator::Modulo, right, .. } => {
                if integer(right) == Some(0) {
                    return Err(("it divides by zero".to_owned(), "divide by something else"));
                }
                let is_safe = integer(right).is_some()
                    || matches!(&**right, Expr::Function(function) if name_of(function) == "nullif");
                if !is_safe {
                    self.divisions.push(line_of(expr));
                }
            }
            Expr::Function(function) => {
                let name = name_of(function);
                if name == "in_window" {
                    self.uses_window = true;
                    if only_argument(function).is_none() {
                        let message = "`in_window` takes one time".to_owned();
                        return Err((message, "write `in_window(received_at)`"));
                    }
                }
                self.functions.push((name, line_of(expr)));
            }
            _ => {}
        }
        Ok(())
    }
}

fn select_of(statement: &Statement) -> Option<&Select> {
    match statement {
        Statement::Query(query) => match query.body.as_ref() {
            SetExpr::Select(select) => Some(select),
            _ => None,
        },
        _ => None,
    }
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.to_string().parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

struct Rewrite {
    clock: Clock,
    window: Option<Window>,
}

impl VisitorMut for Rewrite {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let rewritten = match expr {
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => Some(match self.clock {
                Clock::Marked => parse("as_of()"),
                Clock::At(as_of) => time(as_of),
            }),
            Expr::Function(function) => match (name_of(function).as_str(), self.clock, self.window) {
                ("in_window", Clock::At(as_of), Some(window)) => {
                    only_argument(function).map(|t| range(t, window, as_of))
                }
                ("count", ..) if is_distinct(function) && function.over.is_none() => {
                    let capped = format!("least({function}, {DISTINCT_MAX})");
                    Some(parse(&capped))
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(rewritten) = rewritten {
            *expr = rewritten;
        }
        ControlFlow::Continue(())
    }
}

/// Returns `(t >= start and t <= as_of)`.
fn range(t: &Expr, window: Window, as_of: i64) -> Expr {
    let side = |op, bound| Box::new(Expr::BinaryOp { left: Box::new(t.clone()), op, right: Box::new(time(bound)) });
    Expr::Nested(Box::new(Expr::BinaryOp {
        left: side(BinaryOperator::GtEq, window.start(as_of)),
        op: BinaryOperator::And,
        right: side(BinaryOperator::LtEq, as_of),
    }))
}

/// Returns a time in the unit of `received_at`, so that comparing them casts the constant and not the column.
pub(crate) fn time_sql(us: i64) -> String {
    format!("to_timestamp_micros({us})")
}

fn time(us: i64) -> Expr {
    parse(&time_sql(us))
}

fn parse(sql: &str) -> Expr {
    Parser::new(&PostgreSqlDialect {})
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_expr())
        .expect("printed from a tree, or made of constants and a number")
}

fn name_of(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

fn only_argument(function: &Function) -> Option<&Expr> {
    match &function.args {
        FunctionArguments::List(list) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] => Some(expr),
            _ => None,
        },
        _ => None,
    }
}

fn is_distinct(function: &Function) -> bool {
    matches!(&function.args, FunctionArguments::List(list)
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct))
}

fn line_of(expr: &Expr) -> u32 {
    u32::try_from(expr.span().start.line).unwrap_or(0)
}

/// Divides a parser's message from the place at its end: `… at Line: 3, Column: 5`.
pub(crate) fn split_place(message: &str) -> (String, u32) {
    let message = message.trim_start_matches("sql parser error: ");
    let Some((before, place)) = message.rsplit_once(" at Line: ") else { return (message.to_owned(), 0) };
    let line = place.split(|c: char| !c.is_ascii_digit()).next().and_then(|line| line.parse().ok());
    (before.to_owned(), line.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::duration::MINUTE_US;

    fn problem(text: &str) -> String {
        RuleText::parse("a.sql", text).expect_err("refused").to_string()
    }

    #[test]
    fn refuses_what_is_not_one_query() {
        assert!(problem("select 1; select 2").contains("a rule is one `select`"));
        assert!(problem("drop table usage").contains("a rule is one `select`"));
        assert!(problem("--! a: b\nselect (1 from usage").starts_with("a.sql:2: "));
        assert_eq!(
            problem("select 1\nfrom usage\nwhere a = $since"),
            "a.sql:3: a rule has no parameter `$since`; the only one is `$as_of`"
        );
        assert!(problem("select in_window(a, b)").contains("`in_window` takes one time"));
    }

    #[test]
    fn the_window_becomes_a_range_and_the_clock_a_time() {
        let text =
            RuleText::parse("a.sql", "select x from t where in_window(received_at) and ts < $as_of").expect("ok");
        let window = Window::new(10 * MINUTE_US).expect("a window");
        let time = |us: i64| format!("to_timestamp_micros({us})");
        let as_of = 100 * MINUTE_US + 1;
        assert_eq!(
            text.sql(Clock::At(as_of), Some(window)),
            format!(
                "SELECT x FROM t WHERE (received_at >= {} AND received_at <= {}) AND ts < {}",
                time(90 * MINUTE_US + 10_000_000),
                time(as_of),
                time(as_of)
            )
        );
        assert_eq!(
            text.sql(Clock::Marked, Some(window)),
            "SELECT x FROM t WHERE in_window(received_at) AND ts < as_of()"
        );
    }

    #[test]
    fn distinct_counts_are_held_to_the_cap_wherever_they_stand() {
        let sql = "select count(distinct a) filter (where b) as n, count(*) from t having count(distinct a) > 3";
        let text = RuleText::parse("a.sql", sql).expect("ok");
        assert_eq!(
            text.sql(Clock::At(0), None),
            "SELECT least(count(DISTINCT a) FILTER (WHERE b), 1000) AS n, count(*) FROM t HAVING least(count(DISTINCT a), 1000) > 3"
        );
        assert!(!text.uses_window && !text.uses_entity_id);
        assert!(RuleText::parse("a.sql", "select t.entity_id from t").expect("ok").uses_entity_id);
    }
}
