//! What must hold of the cheats, the honest crowds, and the truth told about both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Told, cheats, is_honest, ms, plot, tell, text};
use crate::simulate::clock::HOUR_MS;
use crate::simulate::fraud::families;
use crate::simulate::studio::Plot;

/// The labels of one way of cheating: entity kind and entity.
fn labelled<'a>(told: &'a Told, family: &str, variant: &str) -> BTreeSet<(&'a str, &'a str)> {
    let of_way = |label: &&Value| text(label, "family") == family && text(label, "variant") == variant;
    told.labels.iter().filter(of_way).map(|label| (text(label, "entity_kind"), text(label, "entity"))).collect()
}

fn of_kind<'a>(labels: &BTreeSet<(&'a str, &'a str)>, kind: &str) -> Vec<&'a str> {
    labels.iter().filter(|(of, _)| *of == kind).map(|(_, entity)| *entity).collect()
}

#[test]
fn labels_name_entities_that_occur_each_once() {
    let told = tell(&plot(24_000, 21));
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in &told.events {
        for kind in ["account_id", "guest_id", "device_id", "workspace_id", "api_key_id", "ip", "card_hash"] {
            named.entry(kind.trim_end_matches("_id")).or_default().insert(text(event, kind));
        }
    }
    let mut seen = BTreeSet::new();
    for label in &told.labels {
        let (kind, entity) = (text(label, "entity_kind"), text(label, "entity"));
        assert!(named[kind].contains(entity), "{label}");
        assert!(seen.insert((kind, entity)), "twice: {label}");
        assert!(!text(label, "first_at").is_empty());
    }
}

#[test]
fn every_family_is_played_both_ways_at_a_low_rate() {
    let told = tell(&plot(60_000, 22));
    for family in families() {
        for variant in ["naive", "evasive"] {
            assert!(!labelled(&told, family, variant).is_empty(), "{family}, {variant}");
        }
    }
    let cheats = cheats(&told);
    let events = told.events.iter().filter(|event| !is_honest(event, &cheats)).count();
    let share = events as f64 / told.events.len() as f64;
    assert!((0.003..0.15).contains(&share), "{share}");
    let crowds = ["office", "family_tablet", "classroom", "mobile_network", "shared_machine", "traveller", "api_user"];
    for crowd in crowds {
        assert!(!labelled(&told, crowd, "organic").is_empty(), "{crowd}");
    }
}

#[test]
fn every_way_pays_and_its_labels_say_how_much_and_when() {
    let told = tell(&plot(60_000, 28));
    let mut gained: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for label in told.labels.iter().filter(|label| text(label, "label") == "confirmed_abuse") {
        assert!(text(label, "scheme").starts_with("sch_"), "{label}");
        let moments = label["gains"].as_array().map(Vec::as_slice).unwrap_or_default();
        let credits: i64 = moments.iter().map(|moment| moment[1].as_i64().expect("credits")).sum();
        let is_person = text(label, "entity_kind") == "workspace";
        assert!(!is_person || label["credits_gained"].as_i64() == Some(credits), "{label}");
        *gained.entry((text(label, "family"), text(label, "variant"))).or_default() += credits;
    }
    // Who tries cards is paid in cards that work.
    let idle = gained.iter().filter(|((family, _), credits)| **credits <= 0 && *family != "card_testing");
    let idle: Vec<_> = idle.collect();
    assert!(idle.is_empty(), "nobody does it for nothing: {idle:?}");
    assert!(gained.len() >= 2 * families().count(), "{gained:?}");
}

#[test]
fn travellers_are_seen_in_two_countries_with_time_to_get_there() {
    let told = tell(&plot(60_000, 29));
    let travellers = labelled(&told, "traveller", "organic");
    let travellers: BTreeSet<&str> = of_kind(&travellers, "workspace").into_iter().collect();
    let mut last: BTreeMap<&str, (&str, i64)> = BTreeMap::new();
    let mut journeys = 0;
    for event in told.events.iter().filter(|event| event["country"].is_string()) {
        let workspace = text(event, "workspace_id");
        if !travellers.contains(workspace) {
            continue;
        }
        let (country, at_ms) = (text(event, "country"), ms(event));
        if let Some((before, left_ms)) =
            last.insert(workspace, (country, at_ms)).filter(|(before, _)| *before != country)
        {
            journeys += 1;
            assert!(at_ms - left_ms > 15 * HOUR_MS, "{workspace} from {before} to {country}");
        }
    }
    assert!(journeys > 0, "of {} travellers somebody travels", travellers.len());
}

#[test]
fn nobody_cheats_when_nobody_is_to() {
    let told = tell(&Plot { abuse: false, ..plot(15_000, 23) });
    assert!(told.labels.iter().all(|label| text(label, "label") == "benign"));
    assert!(told.events.iter().all(|event| event["balance_after"].as_i64().is_none_or(|balance| balance >= 0)));
}

#[test]
fn naive_farms_sit_on_one_device_and_evasive_ones_spread() {
    let told = tell(&plot(24_000, 24));
    let guests_of = |devices: &[&str]| {
        let mut guests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in told.events.iter().filter(|event| text(event, "reason") == "guest_grant") {
            let device = text(event, "device_id");
            if devices.contains(&device) {
                guests.entry(device.to_owned()).or_default().insert(text(event, "guest_id").to_owned());
            }
        }
        guests.into_values().map(|guests| guests.len()).collect::<Vec<_>>()
    };
    let naive = guests_of(&of_kind(&labelled(&told, "device_many_guests", "naive"), "device"));
    assert!(naive.iter().all(|guests| *guests >= 7), "{naive:?}");
    let evasive = guests_of(&of_kind(&labelled(&told, "device_many_guests", "evasive"), "device"));
    assert!(evasive.len() >= 3 && evasive.iter().all(|guests| *guests <= 3), "{evasive:?}");
}

#[test]
fn card_testers_try_many_cards_that_are_mostly_declined() {
    let told = tell(&plot(24_000, 25));
    for variant in ["naive", "evasive"] {
        let labels = labelled(&told, "card_testing", variant);
        let accounts = of_kind(&labels, "account");
        let theirs = told.events.iter().filter(|event| accounts.contains(&text(event, "account_id")));
        let payments: Vec<&Value> = theirs.filter(|event| text(event, "kind") == "payment").collect();
        let count = |op: &str| payments.iter().filter(|event| text(event, "op") == op).count();
        let cards: BTreeSet<&str> = payments.iter().map(|event| text(event, "card_hash")).collect();
        assert_eq!(cards.len(), count("attempt"), "a card each time");
        assert!(count("attempt") >= 12, "{variant}: {}", count("attempt"));
        assert!(count("failed") > count("succeeded"), "{variant}");
    }
}

#[test]
fn overspenders_spend_more_than_they_had() {
    let told = tell(&plot(24_000, 26));
    for variant in ["naive", "evasive"] {
        let labels = labelled(&told, "ledger_overspend", variant);
        let mut overdrawn = 0;
        let wallets = of_kind(&labels, "workspace");
        for wallet in &wallets {
            let (mut had, mut spent, mut lowest) = (0, 0, 0);
            for entry in told.events.iter().filter(|event| text(event, "kind") == "credit") {
                if text(entry, "workspace_id") != *wallet {
                    continue;
                }
                let amount = entry["amount"].as_i64().unwrap_or_default();
                match text(entry, "op") {
                    "grant" => had += amount,
                    "spend" => spent += amount,
                    _ => {}
                }
                lowest = lowest.min(entry["balance_after"].as_i64().unwrap_or_default());
            }
            overdrawn += usize::from(spent > had && (lowest < 0) == (variant == "naive"));
        }
        assert_eq!(overdrawn, wallets.len(), "{variant}");
    }
}

#[test]
fn crowds_share_and_are_many() {
    let told = tell(&plot(50_000, 27));
    let mut devices: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in &told.events {
        devices.entry(text(event, "ip")).or_default().insert(text(event, "device_id"));
    }
    let visitors = |ip: &str| devices[ip].len();
    let classes = labelled(&told, "classroom", "organic");
    let class = of_kind(&classes, "ip").iter().map(|ip| visitors(ip)).max().unwrap_or_default();
    assert!((20..=32).contains(&class), "{class} students behind one address");
    let offices = labelled(&told, "office", "organic");
    assert!(of_kind(&offices, "ip").iter().map(|ip| visitors(ip)).max().unwrap_or_default() >= 8, "an office");
    let mobile = labelled(&told, "mobile_network", "organic");
    assert!(of_kind(&mobile, "ip").iter().map(|ip| visitors(ip)).max().unwrap_or_default() >= 10, "telephones");
    for device in of_kind(&labelled(&told, "family_tablet", "organic"), "device") {
        let theirs = told.events.iter().filter(|event| text(event, "device_id") == device);
        let guests: BTreeSet<&str> = theirs.map(|event| text(event, "workspace_id")).collect();
        assert!((1..=3).contains(&guests.len()), "a family of {}", guests.len());
    }
}
