//! With whom an entity is linked: seen together in events, bound by a server, found together by a rule.

use std::collections::HashMap;

use ::queries::{EntityKind, Params, Tables};
use dashboards::entity::{Edge, Links, Node};
use serde_json::json;

use crate::clock;
use crate::http::App;
use crate::http::ask::ask_stored;
use crate::http::entities::Known;
use crate::http::error::Problem;
use crate::http::pages::rows::{self, Row};

/// Pairs that are read.
const PAIRS_MAX: usize = 400;
/// Links that the verdict path knows, at most: a component may have thousands of members.
const LINKS_MAX: usize = 400;

type Name = (String, String);

/// Returns everybody who is linked, with how each stands.
pub(super) async fn links(app: &App, tables: &Tables, known: &Known) -> Result<Links, Problem> {
    let own: Name = (known.kind.name().to_owned(), known.entity.clone());
    // One more than is shown tells whether there are more.
    let params: Params = [("kind", json!(own.0)), ("entity", json!(own.1)), ("limit", json!(PAIRS_MAX + 1))]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let found = ask_stored(app, "linked_entities", params, tables, PAIRS_MAX).await?;
    let mut gathered = Gathered { own, nodes: HashMap::new(), edges: Vec::new() };
    found.rows.iter().for_each(|row| gathered.add_pair(row));
    for (kind, entity) in known.state.links.iter().take(LINKS_MAX) {
        gathered.add_link(*kind, entity, known.kind);
    }
    let Gathered { own, nodes, edges } = gathered;
    let mut nodes: Vec<Node> = nodes.into_values().collect();
    nodes.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
    nodes.iter_mut().for_each(|node| stand(app, node));
    Ok(Links { own, nodes, edges, is_truncated: found.is_truncated || known.state.links.len() > LINKS_MAX })
}

struct Gathered {
    own: Name,
    nodes: HashMap<Name, Node>,
    edges: Vec<Edge>,
}

impl Gathered {
    fn add_pair(&mut self, row: &Row) {
        let name = |kind: &str, id: &str| (rows::text(row, kind), rows::text(row, id));
        let (left, right) = (name("left_kind", "left_id"), name("right_kind", "right_id"));
        let is_near = rows::text(row, "is_near") == "yes";
        let (events, last_at) = (rows::count(row, "events"), rows::time(row, "last_at"));
        for one in [&left, &right] {
            if *one == self.own {
                continue;
            }
            let of_own = left == self.own || right == self.own;
            let node = self.nodes.entry(one.clone()).or_insert_with(|| Node {
                kind: one.0.clone(),
                id: one.1.clone(),
                how: "seen together".to_owned(),
                ..Node::default()
            });
            node.is_near |= is_near || of_own;
            if of_own || is_near {
                node.events = node.events.max(events);
                node.last_at = node.last_at.max(Some(last_at));
            }
        }
        self.edges.push(Edge { from: left, to: right });
    }

    /// Adds whom a server bound to it, a component that it was found in, or a member of the component that it is.
    fn add_link(&mut self, kind: EntityKind, entity: &str, own: EntityKind) {
        let name: Name = (kind.name().to_owned(), entity.to_owned());
        let how = match (kind, own) {
            (EntityKind::Component, _) => "found in it by a rule",
            (_, EntityKind::Component) => "a member, by a rule",
            _ => "bound by a server",
        };
        let node = self.nodes.entry(name.clone()).or_insert_with(|| Node {
            kind: name.0.clone(),
            id: name.1.clone(),
            ..Node::default()
        });
        node.is_near = true;
        how.clone_into(&mut node.how);
        self.edges.push(Edge { from: self.own.clone(), to: name });
    }
}

/// Notes how a node stands.
fn stand(app: &App, node: &mut Node) {
    let now = clock::now();
    let Some(kind) = EntityKind::parse(&node.kind) else { return };
    // The members of a component are all hits there are, looked through: not for every node.
    if kind == EntityKind::Component {
        let found = app.verdicts.overrides().find(kind, &node.id, now);
        node.verdict = found.map(|found| found.verdict.name().to_owned()).unwrap_or_default();
        return;
    }
    let state = app.verdicts.entity(kind, &node.id, now);
    node.verdict = app.verdicts.standing(kind, &state, now).verdict.name().to_owned();
    node.score = u64::from(::queries::points_to_score(state.hits.iter().map(|(hit, _)| hit.points)));
}
