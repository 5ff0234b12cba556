//! The cells of a row that its sender does not fill: where it came from, and what address, user agent and e-mail tell.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use hashbrown::HashMap;

use super::admission::Draft;
use super::is_opted_out;
use crate::enrich::{AddressFacts, AgentFacts, Enricher};
use crate::grouping::{Grouper, Grouping, Told};
use crate::row::{RowWriter, Trust, Value};
use crate::schema::COMMON;
use crate::scrub::NameMemo;
use crate::sender::Sender;

/// What repeats within one request and is worked out once.
pub(super) struct Memo<'a> {
    pub names: NameMemo<'a>,
    salt: [u8; 32],
    agents: HashMap<&'a str, Arc<AgentFacts>>,
    addresses: HashMap<IpAddr, Rc<AddressFacts>>,
    /// The request's own user agent.
    own_agent: Option<Arc<AgentFacts>>,
}

impl<'a> Memo<'a> {
    pub(super) fn new(salt: [u8; 32]) -> Self {
        Self { names: NameMemo::default(), salt, agents: HashMap::new(), addresses: HashMap::new(), own_agent: None }
    }

    fn address(&mut self, address: IpAddr, enricher: &Enricher) -> Rc<AddressFacts> {
        let salt = &self.salt;
        let facts = || Rc::new(enricher.address_salted(address, salt));
        Rc::clone(self.addresses.entry(address).or_insert_with(facts))
    }

    fn agent(&mut self, agent: &'a str, enricher: &Enricher) -> Arc<AgentFacts> {
        Arc::clone(self.agents.entry(agent).or_insert_with(|| enricher.agent(agent)))
    }

    fn own_agent(&mut self, sender: &Sender, enricher: &Enricher) -> Option<Arc<AgentFacts>> {
        let agent = sender.user_agent.as_deref().filter(|_| sender.trust == Trust::Public)?;
        Some(Arc::clone(self.own_agent.get_or_insert_with(|| enricher.agent(agent))))
    }
}

/// The places of the common columns that are filled here; they are the same in every table.
struct Places {
    event_id: usize,
    ts: usize,
    trust: usize,
    source: usize,
    ip_prefix: usize,
    ip_hash: usize,
    country: usize,
    asn: usize,
    as_org: usize,
    browser: usize,
    browser_version: usize,
    os: usize,
    device_class: usize,
    is_bot: usize,
}

static PLACES: LazyLock<Places> = LazyLock::new(|| {
    let place = |name| COMMON.iter().position(|column| column.name == name).expect("a common column, as a test shows");
    Places {
        event_id: place("event_id"),
        ts: place("ts"),
        trust: place("trust"),
        source: place("source"),
        ip_prefix: place("ip_prefix"),
        ip_hash: place("ip_hash"),
        country: place("country"),
        asn: place("asn"),
        as_org: place("as_org"),
        browser: place("browser"),
        browser_version: place("browser_version"),
        os: place("os"),
        device_class: place("device_class"),
        is_bot: place("is_bot"),
    }
});

/// Fills the cells that every row has.
pub(super) fn write_origin(row: &mut RowWriter<'_>, sender: &Sender, id: &str, ts: i64) {
    let places = &*PLACES;
    row.put(places.event_id, Value::Text(id));
    row.put(places.ts, Value::Time(ts));
    row.put(places.trust, Value::Text(sender.trust.name()));
    row.put(places.source, Value::Text(sender.source.name()));
}

/// Fills what address, user agent and e-mail tell. Cells that the sender filled are left as they are.
pub(super) fn write_facts<'a>(
    row: &mut RowWriter<'_>,
    sender: &Sender,
    draft: &Draft<'a>,
    memo: &mut Memo<'a>,
    enricher: &Enricher,
) {
    let address = if sender.trust == Trust::Public { sender.peer } else { draft.address };
    if let Some(address) = address.filter(|_| !is_opted_out(sender)) {
        write_address(row, draft, &memo.address(address, enricher));
    }
    let agent = match &draft.agent {
        Some(Cow::Borrowed(agent)) => Some(memo.agent(agent, enricher)),
        Some(Cow::Owned(agent)) => Some(enricher.agent(agent)),
        None => memo.own_agent(sender, enricher),
    };
    if let Some(agent) = agent {
        write_agent(row, draft, &agent);
    }
    if let Some(email) = &draft.email {
        row.text("email_hash", &email.hash)
            .text("email_root_hash", &email.root_hash)
            .text("email_domain", &email.domain)
            .bool("email_disposable", email.disposable);
    }
}

/// Fills what an error's own fields tell: its level, whom to blame, and what it is grouped by.
pub(super) fn write_error(row: &mut RowWriter<'_>, draft: &Draft<'_>, grouper: &Grouper) {
    let told = Told {
        ty: row.text_of("type"),
        message: row.text_of("message"),
        frames: &draft.stack.frames,
        fingerprint: &draft.grouped_by,
    };
    let Grouping { hashes, reason } = grouper.group(told);
    let (has_level, has_culprit) = (row.text_of("level").is_some(), row.text_of("culprit").is_some());
    if !has_level {
        row.text("level", "error");
    }
    if !has_culprit {
        row.text_if("culprit", draft.stack.culprit.as_deref());
    }
    row.text_if("hash_app", hashes.app.as_deref())
        .text_if("hash_sys", hashes.sys.as_deref())
        .text_if("hash_msg", hashes.msg.as_deref())
        .int("grouping_version", grouper.version())
        .text("grouping_reason", &reason);
}

fn write_address(row: &mut RowWriter<'_>, draft: &Draft<'_>, facts: &AddressFacts) {
    let places = &*PLACES;
    row.put(places.ip_prefix, Value::Text(&facts.prefix));
    row.put(places.ip_hash, Value::Text(&facts.hash));
    put_text(row, draft, places.country, facts.country.as_deref());
    put_text(row, draft, places.as_org, facts.as_org.as_deref());
    if let Some(asn) = facts.asn.filter(|_| draft.cells >> places.asn & 1 == 0) {
        row.put(places.asn, Value::Int(asn));
    }
}

fn write_agent(row: &mut RowWriter<'_>, draft: &Draft<'_>, facts: &AgentFacts) {
    let places = &*PLACES;
    put_text(row, draft, places.browser, facts.browser.as_deref());
    put_text(row, draft, places.browser_version, facts.browser_version.as_deref());
    put_text(row, draft, places.os, facts.os.as_deref());
    put_text(row, draft, places.device_class, Some(facts.device_class));
    if draft.cells >> places.is_bot & 1 == 0 {
        row.put(places.is_bot, Value::Bool(facts.is_bot));
    }
}

fn put_text(row: &mut RowWriter<'_>, draft: &Draft<'_>, place: usize, text: Option<&str>) {
    if let Some(text) = text.filter(|_| draft.cells >> place & 1 == 0) {
        row.put(place, Value::Text(text));
    }
}
