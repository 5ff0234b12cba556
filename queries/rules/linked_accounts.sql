--! title: Accounts that hang together by devices, cards and mailboxes
--! entity: account
--! on: identity, credit, payment
--! window: 30d
--! mode: shadow
--! verdict: throttle
--! points: 40
--! ttl: 7d
--! actions: bind, grant, generate
--! step_up: hold
--! max_block_rate: 0.5%
--! owner: growth
--! every: 1min

-- Counts the accounts with free credits in a component: accounts that share a device, a card or a mailbox are linked, and
-- so are accounts that a third one links. Each account of the component is found, and the component is named with it, so
-- that an override can name it and people can look at it.
--
-- So are the accounts of a domain of their own whose owners have nothing else in common: they come from three countries or
-- more, and no two from one network. Somebody holds all mailboxes of such a domain, and reaches the app through proxies. A
-- company's people share an office, a country, or at least one evening at one table; a team of three that is spread over
-- the world looks the same, and is throttled until somebody looks: add your customers' domains to the list. Providers of
-- mailboxes are on it already.
--
-- Colleagues and neighbours share an address, which links nobody. What more than fifty accounts share is a school's
-- tablet or a library's computer, and says nothing of those who use it. A couple has two accounts. A component of over a
-- thousand accounts says more about how devices are told apart than about people, and is not judged.
with owners as (
    select
        account_id,
        email_domain,
        country,
        ip_prefix,
        received_at
    from identities
    where
        op = 'signup'
        and account_id is not null
        and not email_disposable
        -- Providers of mailboxes that anybody can sign up with, and large providers of access.
        and email_domain not in (
            'gmail.com', 'googlemail.com', 'outlook.com', 'hotmail.com', 'live.com', 'msn.com', 'hotmail.co.uk',
            'hotmail.fr', 'hotmail.de', 'hotmail.it', 'hotmail.es', 'outlook.fr', 'outlook.de', 'outlook.es',
            'outlook.it', 'outlook.jp', 'outlook.com.br', 'live.fr', 'live.co.uk', 'live.nl', 'live.com.mx',
            'yahoo.com', 'yahoo.co.uk', 'yahoo.co.jp', 'yahoo.co.in', 'yahoo.fr', 'yahoo.de', 'yahoo.it', 'yahoo.es',
            'yahoo.ca', 'yahoo.com.br', 'yahoo.com.mx', 'yahoo.co.id', 'ymail.com', 'rocketmail.com', 'aol.com',
            'icloud.com', 'me.com', 'mac.com', 'privaterelay.appleid.com', 'proton.me', 'pm.me', 'protonmail.com',
            'protonmail.ch', 'tuta.io', 'tuta.com', 'tutanota.com', 'fastmail.com', 'fastmail.fm', 'hey.com',
            'zoho.com', 'zohomail.com', 'mail.com', 'email.com', 'gmx.com', 'gmx.net', 'gmx.de', 'gmx.at', 'gmx.ch',
            'web.de', 't-online.de', 'freenet.de', 'posteo.de', 'mailbox.org', 'arcor.de', 'bluewin.ch', 'orange.fr',
            'wanadoo.fr', 'free.fr', 'laposte.net', 'sfr.fr', 'neuf.fr', 'bbox.fr', 'libero.it', 'virgilio.it',
            'alice.it', 'tiscali.it', 'tin.it', 'btinternet.com', 'sky.com', 'virginmedia.com', 'ntlworld.com',
            'talktalk.net', 'ziggo.nl', 'kpnmail.nl', 'planet.nl', 'home.nl', 'telenet.be', 'skynet.be', 'wp.pl',
            'o2.pl', 'onet.pl', 'interia.pl', 'seznam.cz', 'centrum.cz', 'telia.com', 'online.no', 'bigpond.com',
            'optusnet.com.au', 'xtra.co.nz', 'comcast.net', 'verizon.net', 'att.net', 'sbcglobal.net', 'bellsouth.net',
            'cox.net', 'charter.net', 'earthlink.net', 'rogers.com', 'shaw.ca', 'sympatico.ca', 'bell.net', 'telus.net',
            'videotron.ca', 'uol.com.br', 'bol.com.br', 'terra.com.br', 'globo.com', 'ig.com.br', 'prodigy.net.mx',
            'naver.com', 'daum.net', 'hanmail.net', 'nate.com', 'kakao.com', 'qq.com', 'foxmail.com', '163.com',
            '126.com', 'yeah.net', 'sina.com', 'sina.cn', 'sohu.com', 'aliyun.com', '139.com', '189.cn', 'docomo.ne.jp',
            'ezweb.ne.jp', 'au.com', 'softbank.ne.jp', 'i.softbank.jp', 'nifty.com', 'ocn.ne.jp', 'rediffmail.com',
            'yandex.ru', 'yandex.com', 'ya.ru', 'mail.ru', 'bk.ru', 'inbox.ru', 'list.ru', 'rambler.ru', 'ukr.net',
            'abv.bg', 'mynet.com', 'walla.co.il', 'duck.com', 'mozmail.com', 'simplelogin.com', 'passmail.net'
        )
        and in_window(received_at)
),

scattered as (
    select email_domain
    from owners
    group by email_domain
    having
        count(distinct country) >= 3
        and count(distinct ip_prefix) >= count(distinct account_id)
),

traits as (
    select
        account_id,
        concat('device ', device_id)  as trait,
        received_at
    from identities
    where
        account_id is not null
        and device_id is not null
        and in_window(received_at)
    union all
    select
        owners.account_id,
        concat('domain ', owners.email_domain)  as trait,
        owners.received_at
    from owners
    inner join scattered on scattered.email_domain = owners.email_domain
    union all
    select
        account_id,
        concat('mailbox ', email_root_hash)  as trait,
        received_at
    from identities
    where
        account_id is not null
        and email_root_hash is not null
        and in_window(received_at)
    union all
    select
        account_id,
        concat('device ', device_id)  as trait,
        received_at
    from credits
    where
        account_id is not null
        and device_id is not null
        and in_window(received_at)
    union all
    select
        account_id,
        concat('card ', card_hash)  as trait,
        received_at
    from payments
    where
        account_id is not null
        and card_hash is not null
        and in_window(received_at)
),

owned as (
    select
        account_id,
        trait,
        min(received_at)  as seen_at
    from traits
    group by account_id, trait
),

counted as (
    select
        account_id,
        trait,
        seen_at,
        count(*) over (partition by trait)  as accounts
    from owned
),

linked as (
    select
        account_id,
        component(account_id, trait, seen_at) over ()  as component
    from counted
    where accounts between 2 and 50
),

members as (
    select
        account_id,
        component
    from linked
    group by account_id, component
),

given as (
    select account_id
    from credits
    where
        account_id is not null
        and (
            (op = 'grant' and reason in ('guest_grant', 'signup_grant', 'referral_bonus', 'promo'))
            or op = 'migrate'
        )
        and in_window(received_at)
    group by account_id
),

rings as (
    select
        members.component,
        count(distinct members.account_id)  as accounts
    from members
    inner join given on given.account_id = members.account_id
    group by members.component
    having count(distinct members.account_id) between 3 and 1000
)

select
    members.account_id  as entity,
    rings.accounts      as observed,
    3                   as threshold,
    members.component   as component
from members
inner join rings on rings.component = members.component
