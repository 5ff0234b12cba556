//! What a statement must pass before it is planned: length, tokens and depth before parsing (a few thousand chained
//! operators would overflow the parser's and the planner's stacks), then one statement that only reads (`tree.rs`).

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::config::EngineConfig;
use super::diagnose;
use super::tree;
use crate::error::QueryError;

/// Why a statement that is no query is refused.
const ONLY_QUERIES: &str = "only queries are allowed: SELECT, WITH, VALUES, or EXPLAIN of one";

/// Checks a text before anything is spent on it.
pub(super) fn check_text(sql: &str, config: &EngineConfig) -> Result<(), QueryError> {
    if sql.len() > config.sql_bytes_max {
        let (bytes, bytes_max) = (sql.len(), config.sql_bytes_max);
        return Err(QueryError::invalid(format!("the statement has {bytes} bytes; {bytes_max} are allowed")));
    }
    if sql.trim().is_empty() {
        return Err(QueryError::invalid("there is no statement in the text"));
    }
    let mut line = 1;
    let mut column = 1;
    for character in sql.chars() {
        if character.is_control() && !matches!(character, '\n' | '\r' | '\t') {
            let message = format!("the statement contains the control character U+{:04X}", u32::from(character));
            return Err(QueryError::Invalid { message, line: Some(line), column: Some(column), hint: None });
        }
        (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    Ok(())
}

/// Parses a text into the one query it may be. Needs a large stack.
pub(super) fn parse(sql: &str, config: &EngineConfig) -> Result<Statement, QueryError> {
    check_text(sql, config)?;
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| diagnose::at(error.message, error.location))?;
    check_tokens(&tokens, config)?;
    let first_word = first_word(&tokens);
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(&dialect)
        .with_recursion_limit(config.sql_depth_max)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| forbidden_or(first_word, diagnose::parsing(&error)))?;
    let (Some(statement), None) = (statements.pop_front(), statements.pop_front()) else {
        return Err(QueryError::invalid_with_hint(
            "exactly one statement is wanted",
            "send statements one by one; a trailing semicolon is fine",
        ));
    };
    check_kind(&statement)?;
    tree::check(&statement, config)?;
    Ok(statement)
}

/// Parses a text of Weir's own: no limits but the parser's.
pub(super) fn parse_own(sql: &str) -> Result<Statement, QueryError> {
    let dialect = PostgreSqlDialect {};
    let parsed =
        DFParserBuilder::new(sql).with_dialect(&dialect).build().and_then(|mut parser| parser.parse_statement());
    parsed.map_err(|error| diagnose::parsing(&error))
}

/// A statement that cannot even be parsed may still be one that is forbidden.
fn forbidden_or(first_word: Option<String>, error: QueryError) -> QueryError {
    match first_word {
        Some(word) if WRITES.contains(&word.as_str()) => forbidden(&word),
        _ => error,
    }
}

fn first_word(tokens: &[TokenWithSpan]) -> Option<String> {
    tokens.iter().find_map(|token| match &token.token {
        Token::Whitespace(_) => None,
        Token::Word(word) => Some(Some(word.value.to_ascii_lowercase())),
        _ => Some(None),
    })?
}

/// Words that begin statements which change something or tell of the session.
const WRITES: &[&str] = &[
    "alter",
    "analyze",
    "attach",
    "begin",
    "call",
    "comment",
    "commit",
    "copy",
    "create",
    "deallocate",
    "delete",
    "do",
    "drop",
    "execute",
    "export",
    "grant",
    "import",
    "insert",
    "install",
    "listen",
    "load",
    "lock",
    "merge",
    "notify",
    "pragma",
    "prepare",
    "reset",
    "revoke",
    "rollback",
    "set",
    "show",
    "truncate",
    "unload",
    "update",
    "use",
    "vacuum",
];

fn forbidden(word: &str) -> QueryError {
    QueryError::Forbidden(format!("{} is not allowed; {ONLY_QUERIES}", word.to_ascii_uppercase()))
}

fn check_kind(statement: &Statement) -> Result<(), QueryError> {
    match statement {
        Statement::Statement(inner) => match inner.as_ref() {
            SqlStatement::Query(_) => Ok(()),
            other => Err(forbidden(other.to_string().split_whitespace().next().unwrap_or("this statement"))),
        },
        Statement::Explain(explain) => {
            if explain.options.analyze || explain.options.verbose {
                return Err(QueryError::Forbidden(
                    "EXPLAIN ANALYZE and VERBOSE are not allowed; plain EXPLAIN is".into(),
                ));
            }
            match explain.statement.as_ref() {
                Statement::Statement(inner) if matches!(inner.as_ref(), SqlStatement::Query(_)) => Ok(()),
                _ => Err(QueryError::Forbidden(format!("EXPLAIN of this statement is not allowed; {ONLY_QUERIES}"))),
            }
        }
        Statement::CopyTo(_) => Err(forbidden("copy")),
        Statement::CreateExternalTable(_) => Err(forbidden("create")),
        Statement::Reset(_) => Err(forbidden("reset")),
    }
}

/// One level of brackets.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Operators since the last comma or clause.
    chain: usize,
    /// Set operations and joins, which lean on all that came before them.
    leaning: usize,
}

fn check_tokens(tokens: &[TokenWithSpan], config: &EngineConfig) -> Result<(), QueryError> {
    let words = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    let mut levels = vec![Level::default()];
    let mut depth = 0_usize;
    for (count, token) in words.enumerate() {
        if count >= config.sql_tokens_max {
            let message = format!("the statement has more than {} words and signs", config.sql_tokens_max);
            return Err(diagnose::at(message, token.span.start));
        }
        depth = step(&token.token, &mut levels, depth);
        if depth > config.sql_depth_max {
            return Err(too_deep(config.sql_depth_max, token.span.start));
        }
    }
    Ok(())
}

fn too_deep(depth_max: usize, at: Location) -> QueryError {
    let message = format!("the expression is nested or chained more than {depth_max} deep");
    match diagnose::at(message, at) {
        QueryError::Invalid { message, line, column, .. } => {
            let hint = Some("use IN (…) or a join instead of a long chain of operators".to_owned());
            QueryError::Invalid { message, line, column, hint }
        }
        other => other,
    }
}

/// Follows one token and returns the depth of the tree that a parser would have built by now.
fn step(token: &Token, levels: &mut Vec<Level>, depth: usize) -> usize {
    let innermost = levels.len() - 1;
    let level = &mut levels[innermost];
    match weigh(token) {
        Weight::Open => {
            levels.push(Level::default());
            depth + 1
        }
        // A subscript leans on what it follows, and what follows it leans on it.
        Weight::Subscript => {
            level.chain += 1;
            levels.push(Level::default());
            depth + 2
        }
        Weight::Close if innermost == 0 => depth,
        Weight::Close => {
            let closed = levels.pop().unwrap_or_default();
            depth - 1 - closed.chain - closed.leaning
        }
        Weight::Operator => {
            level.chain += 1;
            depth + 1
        }
        Weight::Leaning => {
            let chain = std::mem::take(&mut level.chain);
            level.leaning += 1;
            depth - chain + 1
        }
        Weight::Boundary => depth - std::mem::take(&mut level.chain),
        Weight::Nothing => depth,
    }
}

enum Weight {
    Open,
    Subscript,
    Close,
    Operator,
    Leaning,
    Boundary,
    Nothing,
}

fn weigh(token: &Token) -> Weight {
    match token {
        Token::LParen | Token::LBrace => Weight::Open,
        Token::LBracket => Weight::Subscript,
        Token::RParen | Token::RBracket | Token::RBrace => Weight::Close,
        Token::Comma | Token::SemiColon => Weight::Boundary,
        Token::Word(word) if word.quote_style.is_none() => weigh_keyword(word.keyword),
        Token::Word(_)
        | Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Placeholder(_)
        | Token::Period
        | Token::Whitespace(_)
        | Token::EOF => Weight::Nothing,
        _ => Weight::Operator,
    }
}

fn weigh_keyword(keyword: Keyword) -> Weight {
    match keyword {
        Keyword::CASE => Weight::Open,
        Keyword::END => Weight::Close,
        Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS | Keyword::JOIN => Weight::Leaning,
        Keyword::SELECT
        | Keyword::FROM
        | Keyword::WHERE
        | Keyword::GROUP
        | Keyword::HAVING
        | Keyword::ORDER
        | Keyword::LIMIT
        | Keyword::OFFSET
        | Keyword::ON
        | Keyword::USING
        | Keyword::WHEN
        | Keyword::THEN
        | Keyword::ELSE
        | Keyword::WINDOW
        | Keyword::QUALIFY
        | Keyword::VALUES => Weight::Boundary,
        Keyword::AND
        | Keyword::OR
        | Keyword::XOR
        | Keyword::NOT
        | Keyword::IS
        | Keyword::NOTNULL
        | Keyword::IN
        | Keyword::LIKE
        | Keyword::ILIKE
        | Keyword::RLIKE
        | Keyword::REGEXP
        | Keyword::SIMILAR
        | Keyword::BETWEEN
        | Keyword::AT
        | Keyword::COLLATE
        | Keyword::DIV
        | Keyword::OVERLAPS
        | Keyword::OPERATOR
        | Keyword::INTERVAL
        | Keyword::MEMBER => Weight::Operator,
        _ => Weight::Nothing,
    }
}
