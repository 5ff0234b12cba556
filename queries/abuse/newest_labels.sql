--! title: What people say of entities
--! description: The newest label of each entity. One that was withdrawn is left out: of such an entity nobody says anything any longer.
--! param: limit int = 10000 count -- entities at most, those labelled last first
--! column: entity_kind text -- account, guest, device, …
--! column: entity id -- who is labelled
--! column: label text -- chargeback, refund, confirmed_abuse, false_positive or appeal_upheld
--! column: note text? -- why, in the words of whoever labelled it
--! column: observed_at time -- when it was said
with newest as (
    select
        entity_kind,
        entity,
        last_value(label order by observed_at, seq)  as label,
        last_value(note order by observed_at, seq)   as note,
        max(observed_at)                             as observed_at
    from labels
    group by entity_kind, entity
)
select
    entity_kind,
    entity,
    label,
    note,
    observed_at
from newest
where label <> 'withdrawn'
order by observed_at desc, entity_kind, entity
limit $limit
