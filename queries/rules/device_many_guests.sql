--! title: Many guest workspaces on one device
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
--
-- Four guests in a day are found if the device's guests have spent most of what they were granted, as whoever makes guests
-- for their credits does. On a library's computer or a family's tablet each tries a little and leaves most of it over;
-- there eight are found, and only throttled.
--
-- A browser that says itself that a program drives it (`HeadlessChrome` and its like) needs no free credits of a guest:
-- from it the first grant counts. Programs of customers come with an API key and are granted nothing as a guest; crawlers
-- and previews of links take no grant. If the app tests itself with such a browser, snooze that device.
select
    device_id                                                                as entity,
    count(distinct guest_id) filter (where op = 'grant')                     as observed,
    case
        when bool_or(is_bot) then 1
        else 4
    end                                                                      as threshold,
    case
        when bool_or(is_bot) and count(distinct guest_id) filter (where op = 'grant') >= 3 then 'block'
        when
            count(distinct guest_id) filter (where op = 'grant') >= 8
            and 2 * sum(amount) filter (where op = 'spend') >= sum(amount) filter (where op = 'grant')
        then 'block'
        else 'throttle'
    end                                                                      as verdict,
    case
        when bool_or(is_bot) then 60
        else 40
    end                                                                      as points
from credits
where
    ((op = 'grant' and reason = 'guest_grant') or op = 'spend')
    and device_id is not null
    and guest_id is not null
    and in_window(received_at)
group by device_id
having
    count(distinct guest_id) filter (where op = 'grant') >= 8
    or (
        count(distinct guest_id) filter (where op = 'grant') >= 4
        and 2 * sum(amount) filter (where op = 'spend') >= sum(amount) filter (where op = 'grant')
    )
    or (
        count(distinct guest_id) filter (where op = 'grant') >= 1
        and bool_or(is_bot)
    )
