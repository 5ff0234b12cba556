--! title: Many grants to guests of one device
--! entity: device
--! on: credit
--! window: 24h
--! mode: shadow              -- off | shadow | live
--! verdict: throttle         -- what a hit asks for; also: block, or none (points only)
--! points: 40                -- adds to the entity's score, 0-100
--! ttl: 6h                   -- how long a hit lasts after it was last true
--! actions: grant, generate  -- the actions it restrains (default: all)
--! step_up: none
--! max_block_rate: 0.5%      -- above this share of decisions the rule trips itself back to shadow and says so
--! owner: growth

-- Counts the guests that were granted free credits, not those that merely exist: a kiosk or a school tablet makes guests
-- all day, but the app grants credits to one of them. A grant that is repeated for one guest counts once.
select
    device_id                 as entity,
    count(distinct guest_id)  as observed,
    4                         as threshold,
    case
        when count(distinct guest_id) >= 8 then 'block'
        else 'throttle'
    end                       as verdict
from credits
where
    op = 'grant'
    and reason = 'guest_grant'
    and device_id is not null
    and in_window(received_at)
group by device_id
having count(distinct guest_id) >= 4
