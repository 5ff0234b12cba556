--! title: Logins from places too far apart
--! entity: account
--! on: identity
--! window: 48h
--! mode: shadow
--! verdict: none
--! points: 35
--! ttl: 24h
--! actions: login, pay, generate
--! step_up: challenge
--! max_block_rate: 0.5%
--! owner: security
--! every: 1min

-- Counts the kilometres between two logins of an account that follow each other, where they are over 500 and would take
-- over 900 km/h, and the second is from another device. Of an address only the country is known, so that the distance is
-- from the one country's centre to the other's, less what either reaches.
--
-- A traveller takes time, and takes devices along. Logins through a proxy, a company's tunnel or a mobile network, whose
-- addresses stay at home when the phone does not, say nothing of a place. They are left out, by the network's name. Addresses
-- are placed wrongly at times, so that one such journey only adds points, and the login is challenged. Two of them, there
-- and back, or on two days, are two people.
with countries (country, latitude, longitude, reach_km) as (
    -- ISO 3166-1 and XK. Centres to a degree or better, from the public World Factbook. The reach is computed from the
    -- area, as its square root: what a country three times as long as wide reaches from its centre. Chile, Indonesia and
    -- Malaysia are longer, and have half their length. Neighbours then touch. Scattered islands reach further than this
    -- says, which matters only between two such countries.
    values
        ('AD', 42.5, 1.5, 22), ('AE', 24.0, 54.0, 289), ('AF', 33.0, 65.0, 808), ('AG', 17.1, -61.8, 21),
        ('AI', 18.2, -63.2, 10), ('AL', 41.0, 20.0, 170), ('AM', 40.0, 45.0, 172), ('AO', -12.5, 18.5, 1117),
        ('AQ', -90.0, 0.0, 3742), ('AR', -34.0, -64.0, 1667), ('AS', -14.3, -170.0, 14), ('AT', 47.3, 13.3, 290),
        ('AU', -27.0, 133.0, 2782), ('AW', 12.5, -70.0, 13), ('AX', 60.2, 20.0, 40), ('AZ', 40.5, 47.5, 294),
        ('BA', 44.0, 18.0, 226), ('BB', 13.2, -59.5, 21), ('BD', 24.0, 90.0, 385), ('BE', 50.8, 4.0, 175),
        ('BF', 13.0, -2.0, 524), ('BG', 43.0, 25.0, 333), ('BH', 26.0, 50.5, 28), ('BI', -3.5, 30.0, 167),
        ('BJ', 9.5, 2.2, 336), ('BL', 18.5, -63.4, 5), ('BM', 32.3, -64.8, 7), ('BN', 4.5, 114.7, 76),
        ('BO', -17.0, -65.0, 1048), ('BQ', 12.2, -68.3, 18), ('BR', -10.0, -55.0, 2918), ('BS', 24.2, -76.0, 118),
        ('BT', 27.5, 90.5, 196), ('BV', -54.4, 3.4, 7), ('BW', -22.0, 24.0, 763), ('BY', 53.0, 28.0, 456),
        ('BZ', 17.2, -88.8, 152), ('CA', 60.0, -95.0, 3160), ('CC', -12.5, 96.8, 4), ('CD', 0.0, 25.0, 1531),
        ('CF', 7.0, 21.0, 789), ('CG', -1.0, 15.0, 585), ('CH', 47.0, 8.0, 203), ('CI', 8.0, -5.0, 568),
        ('CK', -21.2, -159.8, 15), ('CL', -35.7, -71.0, 2150), ('CM', 6.0, 12.0, 690), ('CN', 35.0, 105.0, 3098),
        ('CO', 4.0, -72.0, 1067), ('CR', 10.0, -84.0, 226), ('CU', 21.5, -80.0, 333), ('CV', 16.0, -24.0, 64),
        ('CW', 12.2, -69.0, 21), ('CX', -10.5, 105.7, 12), ('CY', 35.0, 33.0, 96), ('CZ', 49.8, 15.5, 281),
        ('DE', 51.0, 9.0, 598), ('DJ', 11.5, 43.0, 152), ('DK', 56.0, 10.0, 208), ('DM', 15.4, -61.3, 27),
        ('DO', 19.0, -70.7, 221), ('DZ', 28.0, 3.0, 1543), ('EC', -2.0, -77.5, 533), ('EE', 59.0, 26.0, 213),
        ('EG', 27.0, 30.0, 1001), ('EH', 24.5, -13.0, 516), ('ER', 15.0, 39.0, 343), ('ES', 40.0, -4.0, 711),
        ('ET', 8.0, 38.0, 1051), ('FI', 64.0, 26.0, 582), ('FJ', -18.0, 175.0, 135), ('FK', -51.8, -59.0, 110),
        ('FM', 6.9, 158.2, 26), ('FO', 62.0, -7.0, 37), ('FR', 46.5, 2.5, 743), ('GA', -1.0, 11.8, 517),
        ('GB', 54.0, -2.0, 494), ('GD', 12.1, -61.7, 19), ('GE', 42.0, 43.5, 264), ('GF', 4.0, -53.0, 289),
        ('GG', 49.5, -2.6, 9), ('GH', 8.0, -2.0, 488), ('GI', 36.1, -5.3, 3), ('GL', 72.0, -40.0, 1472),
        ('GM', 13.5, -16.6, 106), ('GN', 11.0, -10.0, 496), ('GP', 16.2, -61.6, 40), ('GQ', 2.0, 10.0, 167),
        ('GR', 39.0, 22.0, 363), ('GS', -54.5, -37.0, 62), ('GT', 15.5, -90.2, 330), ('GU', 13.5, 144.8, 23),
        ('GW', 12.0, -15.0, 190), ('GY', 5.0, -59.0, 464), ('HK', 22.2, 114.2, 33), ('HM', -53.1, 72.5, 20),
        ('HN', 15.0, -86.5, 335), ('HR', 45.2, 15.5, 238), ('HT', 19.0, -72.4, 167), ('HU', 47.0, 20.0, 305),
        ('ID', -5.0, 120.0, 2600), ('IE', 53.0, -8.0, 265), ('IL', 31.5, 34.8, 144), ('IM', 54.2, -4.5, 24),
        ('IN', 20.0, 77.0, 1813), ('IO', -6.0, 71.5, 233), ('IQ', 33.0, 44.0, 662), ('IR', 32.0, 53.0, 1284),
        ('IS', 65.0, -18.0, 321), ('IT', 42.8, 12.8, 549), ('JE', 49.2, -2.2, 11), ('JM', 18.2, -77.5, 105),
        ('JO', 31.0, 36.0, 299), ('JP', 36.0, 138.0, 615), ('KE', 1.0, 38.0, 762), ('KG', 41.0, 75.0, 447),
        ('KH', 13.0, 105.0, 425), ('KI', 1.4, 173.0, 28), ('KM', -12.2, 44.2, 47), ('KN', 17.3, -62.8, 16),
        ('KP', 40.0, 127.0, 347), ('KR', 37.0, 127.5, 316), ('KW', 29.5, 45.8, 133), ('KY', 19.5, -80.5, 16),
        ('KZ', 48.0, 68.0, 1651), ('LA', 18.0, 105.0, 487), ('LB', 33.8, 35.8, 102), ('LC', 13.9, -61.0, 25),
        ('LI', 47.3, 9.5, 13), ('LK', 7.0, 81.0, 256), ('LR', 6.5, -9.5, 334), ('LS', -29.5, 28.5, 174),
        ('LT', 56.0, 24.0, 256), ('LU', 49.8, 6.2, 51), ('LV', 57.0, 25.0, 254), ('LY', 25.0, 17.0, 1326),
        ('MA', 32.0, -5.0, 668), ('MC', 43.7, 7.4, 1), ('MD', 47.0, 29.0, 184), ('ME', 42.5, 19.3, 118),
        ('MF', 18.1, -64.0, 7), ('MG', -20.0, 47.0, 766), ('MH', 9.0, 168.0, 13), ('MK', 41.8, 22.0, 160),
        ('ML', 17.0, -4.0, 1114), ('MM', 22.0, 98.0, 823), ('MN', 46.0, 105.0, 1251), ('MO', 22.2, 113.5, 5),
        ('MP', 15.2, 145.8, 22), ('MQ', 14.7, -61.0, 34), ('MR', 20.0, -12.0, 1015), ('MS', 16.8, -62.2, 10),
        ('MT', 35.8, 14.6, 18), ('MU', -20.3, 57.5, 45), ('MV', 3.2, 73.0, 17), ('MW', -13.5, 34.0, 344),
        ('MX', 23.0, -102.0, 1402), ('MY', 2.5, 112.5, 1100), ('MZ', -18.2, 35.0, 894), ('NA', -22.0, 17.0, 908),
        ('NC', -21.5, 165.5, 136), ('NE', 16.0, 8.0, 1126), ('NF', -29.0, 167.9, 6), ('NG', 10.0, 8.0, 961),
        ('NI', 13.0, -85.0, 361), ('NL', 52.5, 5.8, 204), ('NO', 62.0, 10.0, 569), ('NP', 28.0, 84.0, 384),
        ('NR', -0.5, 166.9, 5), ('NU', -19.0, -169.9, 16), ('NZ', -41.0, 174.0, 517), ('OM', 21.0, 57.0, 556),
        ('PA', 9.0, -80.0, 275), ('PE', -10.0, -76.0, 1134), ('PF', -15.0, -140.0, 65), ('PG', -6.0, 147.0, 680),
        ('PH', 13.0, 122.0, 548), ('PK', 30.0, 70.0, 892), ('PL', 52.0, 20.0, 559), ('PM', 46.8, -56.3, 16),
        ('PN', -25.1, -130.1, 7), ('PR', 18.2, -66.5, 117), ('PS', 32.0, 35.2, 79), ('PT', 39.5, -8.0, 303),
        ('PW', 7.5, 134.5, 21), ('PY', -23.0, -58.0, 638), ('QA', 25.5, 51.2, 108), ('RE', -21.1, 55.6, 50),
        ('RO', 46.0, 25.0, 488), ('RS', 44.0, 21.0, 278), ('RU', 60.0, 100.0, 4135), ('RW', -2.0, 30.0, 162),
        ('SA', 25.0, 45.0, 1466), ('SB', -8.0, 159.0, 170), ('SC', -4.6, 55.7, 21), ('SD', 15.0, 30.0, 1364),
        ('SE', 62.0, 15.0, 671), ('SG', 1.4, 103.8, 26), ('SH', -15.9, -5.7, 18), ('SI', 46.1, 14.8, 142),
        ('SJ', 78.0, 20.0, 249), ('SK', 48.7, 19.5, 221), ('SL', 8.5, -11.5, 268), ('SM', 43.8, 12.4, 8),
        ('SN', 14.0, -14.0, 444), ('SO', 10.0, 49.0, 799), ('SR', 4.0, -56.0, 405), ('SS', 8.0, 30.0, 803),
        ('ST', 1.0, 7.0, 31), ('SV', 13.8, -88.9, 145), ('SX', 18.1, -63.1, 6), ('SY', 35.0, 38.0, 430),
        ('SZ', -26.5, 31.5, 132), ('TC', 21.8, -71.6, 31), ('TD', 15.0, 19.0, 1133), ('TF', -37.8, 77.5, 7),
        ('TG', 8.0, 1.2, 238), ('TH', 15.0, 100.0, 716), ('TJ', 39.0, 71.0, 380), ('TK', -9.0, -172.0, 3),
        ('TL', -8.8, 125.9, 122), ('TM', 40.0, 60.0, 699), ('TN', 34.0, 9.0, 404), ('TO', -20.0, -175.0, 27),
        ('TR', 39.0, 35.0, 885), ('TT', 11.0, -61.0, 72), ('TV', -8.0, 178.0, 5), ('TW', 23.5, 121.0, 190),
        ('TZ', -6.0, 35.0, 973), ('UA', 49.0, 32.0, 777), ('UG', 1.0, 32.0, 491), ('UM', 19.3, 166.6, 6),
        ('US', 38.0, -97.0, 3135), ('UY', -33.0, -56.0, 420), ('UZ', 41.0, 64.0, 669), ('VA', 41.9, 12.4, 1),
        ('VC', 13.2, -61.2, 20), ('VE', 8.0, -66.0, 955), ('VG', 18.5, -64.5, 12), ('VI', 18.3, -64.8, 44),
        ('VN', 16.2, 107.8, 576), ('VU', -16.0, 167.0, 110), ('WF', -13.3, -176.2, 12), ('WS', -13.6, -172.3, 53),
        ('XK', 42.6, 21.0, 104), ('YE', 15.0, 48.0, 727), ('YT', -12.8, 45.2, 19), ('ZA', -29.0, 24.0, 1104),
        ('ZM', -15.0, 30.0, 868), ('ZW', -20.0, 30.0, 625)
),

logins as (
    select
        account_id,
        country,
        device_id,
        received_at,
        lag(country) over by_time      as country_before,
        lag(device_id) over by_time    as device_before,
        lag(received_at) over by_time  as received_before
    from identities
    where
        op = 'login'
        and account_id is not null
        and country is not null
        and not regexp_like(
            coalesce(as_org, ''),
            'mobil|wireless|cellular|cellco|cgn|carrier.grade|\bgsm|\blte\b|\b[345]g\b',
            'i'
        )
        and not regexp_like(
            coalesce(as_org, ''),
            'vpn|proxy|relay|tunnel|hosting|cloud|server|data.?cent|zscaler|akamai|fastly',
            'i'
        )
        and in_window(received_at)
    window by_time as (partition by account_id order by received_at, seq)
),

journeys as (
    select
        logins.account_id,
        (date_part('epoch', logins.received_at) - date_part('epoch', logins.received_before)) / 3600  as hours,
        12742 * asin(least(1, sqrt(
            power(sin(radians(there.latitude - here.latitude) / 2), 2)
            + cos(radians(here.latitude)) * cos(radians(there.latitude))
            * power(sin(radians(there.longitude - here.longitude) / 2), 2)
        ))) - here.reach_km - there.reach_km                                                           as km
    from logins
    inner join countries as here on here.country = logins.country_before
    inner join countries as there on there.country = logins.country
    where
        logins.country <> logins.country_before
        and logins.device_id <> logins.device_before
)

select
    account_id            as entity,
    cast(max(km) as int)  as observed,
    500                   as threshold,
    case
        when count(*) >= 2 then 'throttle'
        else 'none'
    end                   as verdict,
    case
        when count(*) >= 2 then 50
        else 35
    end                   as points
from journeys
where
    km > 500
    and km > 900 * hours
group by account_id
