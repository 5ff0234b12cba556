--! title: When two releases were first seen in an environment
--! param: release text
--! param: mended_in text
--! param: environment text or null
select
    cast(min(received_at) filter (where release = $release) as bigint)      as release_us,
    cast(min(received_at) filter (where release = $mended_in) as bigint)    as mended_us
from (
    select
        received_at,
        release,
        environment
    from errors
    union all
    select
        received_at,
        release,
        environment
    from sessions
) as seen
where release in ($release, $mended_in)
    and environment is not distinct from $environment
