//! With whom an entity is linked, as a list and as a drawing. The drawing has a column a kind and an order that depends on
//! nothing but what is drawn, so that the same links look the same tomorrow.

use crate::entity::kind_words;
use crate::figure;
use crate::reason::{entity_address, short_id};

/// Nodes of a drawing, at most.
const NODES_MAX: usize = 60;
/// Nodes of one column, at most: a drawing is looked at in one piece.
const COLUMN_MAX: usize = 16;
/// The columns, from left to right; a kind that is none of these comes first.
const COLUMNS: [&str; 6] = ["guest", "account", "device", "card", "email", "component"];
/// The geometry of the drawing, in pixels.
const BOX_WIDTH: usize = 168;
const BOX_HEIGHT: usize = 24;
const ROW_STEP: usize = 32;
const COLUMN_STEP: usize = 240;
const HEAD: usize = 28;

/// One entity that is linked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Whether an event, a bind or a rule names it together with the entity itself.
    pub is_near: bool,
    /// How it is known: `seen with it`, `bound to it`.
    pub how: String,
    /// Events that name both; 0 where something else links them.
    pub events: u64,
    /// The last of them, microseconds.
    pub last_at: Option<i64>,
    /// How it stands: allow, throttle or block.
    pub verdict: String,
    /// Its score, with what is in shadow.
    pub score: u64,
}

/// Two entities that one event names, or that are linked otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The one: kind and id.
    pub from: (String, String),
    /// The other: kind and id.
    pub to: (String, String),
}

/// All links of an entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The entity itself: kind and id.
    pub own: (String, String),
    /// The others.
    pub nodes: Vec<Node>,
    /// What links them.
    pub edges: Vec<Edge>,
    /// There are more than were read.
    pub is_truncated: bool,
}

/// A node as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Its id, shortened.
    pub label: String,
    /// Its whole name.
    pub title: String,
    /// Where it leads.
    pub href: String,
    /// The left edge of its box.
    pub x: usize,
    /// The upper edge of its box.
    pub y: usize,
    /// How it stands; names its mark.
    pub verdict: String,
    /// It is the entity itself.
    pub is_own: bool,
}

/// A column's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What is in it.
    pub title: String,
    /// Its left edge.
    pub x: usize,
    /// How many of it are not drawn.
    pub more: usize,
    /// Where it says so.
    pub more_y: usize,
}

/// The drawing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// The heads.
    pub columns: Vec<Column>,
    /// The nodes.
    pub nodes: Vec<Drawn>,
    /// The links: the paths, and whether each touches the entity itself.
    pub paths: Vec<(String, bool)>,
    /// Its width, pixels.
    pub width: usize,
    /// Its height, pixels.
    pub height: usize,
    /// Entities that are not drawn.
    pub more: usize,
}

impl Node {
    /// Returns the address of its page.
    pub fn address(&self) -> String {
        entity_address(&self.kind, &self.id)
    }
}

impl Links {
    /// Lists the kinds with those of each that are linked to the entity itself, in the order of the columns.
    pub fn near(&self) -> Vec<(&str, Vec<&Node>)> {
        self.kinds()
            .into_iter()
            .map(|kind| (kind, self.of_kind(kind, true)))
            .filter(|(_, nodes)| !nodes.is_empty())
            .collect()
    }

    /// Returns how many are linked only through others.
    pub fn far(&self) -> usize {
        self.nodes.iter().filter(|node| !node.is_near).count()
    }

    /// Says whom an override touches, beside the entity itself: every request that names it, so all who were seen with it.
    pub fn scope(&self, kind: &str) -> String {
        let count = |kind: &str| self.nodes.iter().filter(|node| node.is_near && node.kind == kind).count() as u64;
        let touched: Vec<String> = ["account", "guest", "device"]
            .into_iter()
            .filter(|other| *other != kind && !(kind == "guest" && *other == "device"))
            // Of an account's devices each goes on with other accounts; its guests are restrained with it.
            .filter(|other| !(kind == "account" && *other == "device"))
            .filter(|other| count(other) > 0)
            .map(|other| figure::counted(count(other), other))
            .collect();
        let more = if self.is_truncated { "at least " } else { "" };
        match touched.as_slice() {
            [] => "Affects nobody else, as far as the last 30 days tell.".to_owned(),
            list => format!("Affects {more}{}, by the last 30 days.", list.join(" and ")),
        }
    }

    /// Draws them.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::default();
        let mut places: Vec<((String, String), usize, usize)> = Vec::new();
        let mut left = NODES_MAX;
        let kinds: Vec<&str> = self.kinds();
        for (column, kind) in kinds.iter().enumerate() {
            let x = column * COLUMN_STEP + 1;
            let mut nodes: Vec<Node> = Vec::new();
            if self.own.0 == *kind {
                nodes.push(Node { kind: self.own.0.clone(), id: self.own.1.clone(), ..Node::default() });
            }
            nodes.extend(self.of_kind(kind, true).into_iter().cloned());
            nodes.extend(self.of_kind(kind, false).into_iter().cloned());
            let shown = nodes.len().min(COLUMN_MAX).min(left);
            left -= shown;
            for (row, node) in nodes[..shown].iter().enumerate() {
                let y = HEAD + row * ROW_STEP;
                places.push(((node.kind.clone(), node.id.clone()), x, y));
                graph.nodes.push(Drawn {
                    label: short_id(&node.id),
                    title: format!("{} {}", kind_words(&node.kind), node.id),
                    href: node.address(),
                    x,
                    y,
                    verdict: node.verdict.clone(),
                    is_own: node.kind == self.own.0 && node.id == self.own.1,
                });
            }
            let more = nodes.len() - shown;
            let bottom = HEAD + (shown + usize::from(more > 0)) * ROW_STEP;
            graph.height = graph.height.max(bottom);
            graph.more += more;
            let title =
                format!("{}s", kind_words(kind)).replace("mailboxs", "mailboxes").replace("addresss", "addresses");
            graph.columns.push(Column { title, x, more, more_y: HEAD + shown * ROW_STEP + 16 });
        }
        graph.width = (kinds.len().max(1) - 1) * COLUMN_STEP + BOX_WIDTH + 2;
        let place = |name: &(String, String)| places.iter().find(|(other, ..)| other == name);
        for edge in &self.edges {
            let (Some(from), Some(to)) = (place(&edge.from), place(&edge.to)) else { continue };
            let (from, to) = if from.1 <= to.1 { (from, to) } else { (to, from) };
            if from.1 == to.1 {
                continue;
            }
            let (x1, y1) = (from.1 + BOX_WIDTH, from.2 + BOX_HEIGHT / 2);
            let (x2, y2) = (to.1, to.2 + BOX_HEIGHT / 2);
            let middle = usize::midpoint(x1, x2);
            let is_own = from.0 == self.own || to.0 == self.own;
            graph.paths.push((format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"), is_own));
        }
        // What touches the entity itself is drawn last, above the others.
        graph.paths.sort_by_key(|(_, is_own)| *is_own);
        graph
    }

    /// Lists the kinds that are there, in the order of the columns.
    fn kinds(&self) -> Vec<&str> {
        let is_there = |kind: &str| self.own.0 == kind || self.nodes.iter().any(|node| node.kind == kind);
        let own = (!COLUMNS.contains(&self.own.0.as_str()) && !self.own.0.is_empty()).then_some(self.own.0.as_str());
        own.into_iter().chain(COLUMNS.into_iter().filter(|kind| is_there(kind))).collect()
    }

    /// Returns those of a kind, those with most events first.
    fn of_kind(&self, kind: &str, is_near: bool) -> Vec<&Node> {
        let mut nodes: Vec<&Node> =
            self.nodes.iter().filter(|node| node.kind == kind && node.is_near == is_near).collect();
        nodes.sort_by(|a, b| (b.events, &a.id).cmp(&(a.events, &b.id)));
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: &str, id: &str, events: u64, is_near: bool) -> Node {
        Node { kind: kind.to_owned(), id: id.to_owned(), events, is_near, ..Node::default() }
    }

    fn edge(from: (&str, &str), to: (&str, &str)) -> Edge {
        let name = |(kind, id): (&str, &str)| (kind.to_owned(), id.to_owned());
        Edge { from: name(from), to: name(to) }
    }

    fn ring(guests: usize) -> Links {
        Links {
            own: ("device".to_owned(), "dev_1".to_owned()),
            nodes: (0..guests)
                .map(|place| node("guest", &format!("gst_{place}"), 9, true))
                .chain([node("account", "acct_1", 4, true), node("card", "card_1", 1, false)])
                .collect(),
            edges: vec![
                edge(("account", "acct_1"), ("card", "card_1")),
                edge(("guest", "gst_0"), ("device", "dev_1")),
                edge(("guest", "gst_0"), ("guest", "gst_1")),
                edge(("guest", "gst_99"), ("device", "dev_1")),
            ],
            is_truncated: false,
        }
    }

    #[test]
    fn kinds_are_columns_and_the_same_links_look_the_same() {
        let links = ring(3);
        let graph = links.graph();
        let heads: Vec<&str> = graph.columns.iter().map(|column| column.title.as_str()).collect();
        assert_eq!(heads, ["guests", "accounts", "devices", "cards"]);
        assert_eq!(graph.paths.len(), 2, "none within a column, none to what is not there");
        assert!(graph.paths[1].1 && !graph.paths[0].1);
        let mut turned = links.clone();
        turned.nodes.reverse();
        assert_eq!(turned.graph(), graph);
    }

    #[test]
    fn a_large_ring_is_drawn_in_part_and_says_so() {
        let graph = ring(100).graph();
        assert_eq!((graph.columns[0].more, graph.more), (84, 84));
        assert!(graph.nodes.len() <= NODES_MAX);
        assert_eq!(Links::default().graph().nodes, []);
    }

    #[test]
    fn the_scope_names_who_is_touched() {
        assert_eq!(ring(31).scope("device"), "Affects 1 account and 31 guests, by the last 30 days.");
        assert_eq!(Links::default().scope("device"), "Affects nobody else, as far as the last 30 days tell.");
    }
}
