//! Transitions of hits as rows of the table `hits`. What they mean is `queries::hits`'.

use ingest::{Kind, Rows, Source, Trust};
use queries::{EndCause, EntityKind, Transition};
use uuid::Uuid;

/// Returns the rows of table `hits` that tell of these transitions.
pub(super) fn rows(transitions: &[Transition]) -> Rows {
    let mut rows = Rows::default();
    for Transition { kind, hit, at, cause } in transitions {
        let mut row = rows.begin(Kind::Hits);
        row.text("event_id", &Uuid::now_v7().to_string())
            .time("ts", *at)
            .text("trust", Trust::Server.name())
            .text("source", Source::Native.name())
            .text("rule", &hit.rule)
            .text("version", &hit.version)
            .text("entity_kind", hit.entity_kind.name())
            .text("entity", &hit.entity)
            .text("state", kind.state())
            .text("mode", hit.mode.name())
            .text("verdict", hit.verdict.name())
            .int("observed", hit.observed)
            .int("threshold", hit.threshold)
            .int("points", i64::from(hit.points))
            .time("first_at", hit.first_at)
            .time("until", hit.until)
            .text_if("component", hit.component.as_deref())
            .text_if("cause", cause.map(EndCause::name));
        if let Some(column) = common_column(hit.entity_kind) {
            row.text(column, &hit.entity);
        }
        row.finish(None);
    }
    rows
}

/// Returns the common column that names an entity of this kind, so that what is told of a person is found, and erased,
/// with the rest.
pub(crate) const fn common_column(kind: EntityKind) -> Option<&'static str> {
    Some(match kind {
        EntityKind::Account => "account_id",
        EntityKind::Guest => "guest_id",
        EntityKind::Device => "device_id",
        EntityKind::Session => "session_id",
        EntityKind::Workspace => "workspace_id",
        EntityKind::ApiKey => "api_key_id",
        EntityKind::Ip => "ip_hash",
        EntityKind::IpPrefix => "ip_prefix",
        _ => return None,
    })
}
