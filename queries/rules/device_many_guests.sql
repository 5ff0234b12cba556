--! title: Many guest workspaces on one device
--! entity: device
--! on: credit
--! window: 24h
--! mode: shadow              -- off | shadow | live
--! verdict: throttle         -- what a hit asks for; also: block, or none (points only)
--! points: 40                -- adds to the entity's score, 0-100
--! ttl: 6h                   -- how long a hit lasts after it was last true
--! actions: grant, generate  -- the actions it restrains (default: all)
--! step_up: challenge
--! max_block_rate: 0.5%      -- above this share of decisions the rule trips itself back to shadow and says so
--! owner: growth

-- Counts the guests that were granted free credits, not those that merely exist: a kiosk or a school tablet makes guests
-- all day, but the app grants credits to one of them. A grant that is repeated for one guest counts once.
--
-- Four guests in a day are found if the device's guests have spent most of what they were granted, as whoever makes guests
-- for their credits does. On a library's computer or a family's tablet each tries a little and leaves most of it over;
-- there eight are found, and only throttled.
--
-- Two are found if over nine tenths of the first one's grant were gone within seven minutes of it: the next one waits.
-- People who like it spend a grant in one sitting, too, but seldom so fast, and then they sign up. On a family's tablet a
-- hasty first child and a second one on the same day look like this. `new_identity_rush` says the same, but a minute later.
--
-- One is found if two fifths of its grant were gone within a minute, in three spends or more that were not asked for in one
-- go: nobody arrives, writes, waits, looks and writes again so fast. One costly picture, or four of one request, are not
-- it, and whoever is quick and honest passes the challenge.
--
-- Both look at a first grant and what was spent after it: where the window has let go of a grant, and kept spends from it,
-- nothing is said.
--
-- A browser that says itself that a program drives it (`HeadlessChrome` and its like) needs no free credits of a guest:
-- from it the first grant counts. Programs of customers come with an API key and are granted nothing as a guest; crawlers
-- and previews of links take no grant. If the app tests itself with such a browser, snooze that device.
select
    device_id                                                                as entity,
    count(distinct guest_id) filter (where op = 'grant')                     as observed,
    case
        when bool_or(is_bot) then 1
        else least(4, count(distinct guest_id) filter (where op = 'grant'))
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
    or (
        count(distinct guest_id) filter (where op = 'grant') >= 2
        and 10 * sum(amount) filter (where op = 'spend')
            > 9 * (sum(amount) filter (where op = 'grant') - max(amount) filter (where op = 'grant'))
        and min(received_at) filter (where op = 'spend') >= min(received_at) filter (where op = 'grant')
        and max(received_at) filter (where op = 'spend')
            <= min(received_at) filter (where op = 'grant') + interval '7 minutes'
    )
    or (
        count(distinct guest_id) filter (where op = 'grant') >= 1
        and count(*) filter (where op = 'spend') >= 3
        and 5 * sum(amount) filter (where op = 'spend') >= 2 * sum(amount) filter (where op = 'grant')
        and min(received_at) filter (where op = 'spend') >= min(received_at) filter (where op = 'grant')
        and max(received_at) filter (where op = 'spend')
            <= min(received_at) filter (where op = 'grant') + interval '1 minute'
        and max(received_at) filter (where op = 'spend')
            >= min(received_at) filter (where op = 'spend') + interval '5 seconds'
    )
