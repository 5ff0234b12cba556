//! The corpus: what must go, what must stay, and that scrubbing twice changes nothing more.

use super::json::NameMemo;
use super::*;
use proptest::prelude::*;

#[test]
fn takes_personal_data_out() {
    let cases = [
        ("mail jane.doe+x@example.co.uk now", "mail [email] now"),
        ("<jane@example.com>", "<[email]>"),
        ("jane%40example.com", "[email]"),
        ("jörg@exämple.de", "[email]"),
        ("from 203.0.113.77.", "from [ip]."),
        ("connect 10.0.0.1:8080 refused", "connect [ip]:8080 refused"),
        ("peer 2001:db8::7 and [fe80::1]:443", "peer [ip] and [[ip]]:443"),
        ("::ffff:203.0.113.7", "[ip]"),
        ("card 4242424242424242 declined", "card [card] declined"),
        ("4242 4242 4242 4242 12/27", "[card] 12/27"),
        ("5555-5555-5555-4444", "[card]"),
        ("amex 3782 822463 10005", "amex [card]"),
        ("iban DE89 3704 0044 0532 0130 00!", "iban [iban]!"),
        ("GB82WEST12345698765432", "[iban]"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: [secret]"),
        ("sent bearer s3cr3ttoken twice", "sent bearer [token] twice"),
        ("Basic dXNlcjpwYXNz", "Basic [token]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[token]"),
        ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc", "key [token]"),
        ("sk-proj-abcdefgh12345678", "[token]"),
        ("wk_app_0123456789abcdef0123", "[token]"),
        ("AKIAIOSFODNN7EXAMPLE", "[token]"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[token]"),
        ("x 0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV y", "x [token] y"),
        ("password=hunter2&next", "password=[secret]&next"),
        ("{\"password\": \"letmein\"}", "{\"password\": \"[secret]\"}"),
        ("api_key: 12345abc", "api_key: [secret]"),
        ("access_token=abc123", "access_token=[secret]"),
        ("Cookie: sid=1; theme=dark\nnext", "Cookie: [secret]\nnext"),
        ("GET https://x.example/p?q=shoes&u=1 failed", "GET https://x.example/p failed"),
        ("see /search?q=me", "see /search"),
        ("https://x.example/cb#access_token=abc", "https://x.example/cb"),
        ("https://jane:pass@x.example/a", "https://[redacted]@x.example/a"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----.", "[secret]."),
    ];
    for (dirty, clean) in cases {
        assert_eq!(text(dirty), clean, "{dirty}");
    }
}

#[test]
fn leaves_honest_text_alone() {
    for honest in [
        "x is undefined",
        "image.generate",
        "std::vec::Vec<a::b>",
        "took 00:01:23 of 10:00:00",
        "at 1795341600123 and 1795341600123456",
        "0193e4a2-7c1d-7d4f-9a00-1234567890ab",
        "41111111-1111-4111-8111-111111111111",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Chrome/129.0.6668.70 is old",
        "lodash@4.17.21 and app@1.0.0-beta.rc",
        "@sentry/browser in node_modules/@sentry/browser/index.js",
        "what? nothing",
        "Basic usage of tokens",
        "SyntaxError: Unexpected token: punc",
        "bearer authentication is off",
        "a sk-button class",
        "00:1a:2b:3c:4d:5e",
        "issue /a/b#12",
        "1.2.3.4.5",
        "PT25 1234",
        "4242424242424241",
        "Übergröße 100 %",
    ] {
        assert!(matches!(text(honest), Cow::Borrowed(_)), "{honest} became {}", text(honest));
    }
}

#[test]
fn a_release_may_have_four_numbers() {
    for honest in ["2.4.1.0", "app@1.2.3.4", "v2.4.1", "2026.11.22"] {
        assert_eq!(release(honest), honest);
    }
    assert_eq!(release("203.0.113.77"), "[ip]");
    assert_eq!(release("see 1.2.3.4"), "see [ip]");
    assert_eq!(release("jane@example.com@1.2.3.4"), "[email]@[ip]");
}

#[test]
fn routes_and_files_lose_what_follows_them() {
    assert_eq!(route("/search?q=jane"), "/search");
    assert_eq!(route("/users/jane@example.com/edit#top"), "/users/[email]/edit");
    assert_eq!(file("webpack://app/./src/a.ts?1f2e"), "webpack://app/./src/a.ts");
    assert_eq!(file("/home/jane/app/main.rs"), "/home/[user]/app/main.rs");
    assert_eq!(file(r"C:\Users\Jane Doe\app\main.py"), r"C:\Users\[user]\app\main.py");
    assert_eq!(message("ENOENT: /Users/jane/x.txt"), "ENOENT: /Users/[user]/x.txt");
}

#[test]
fn ids_that_are_not_opaque_are_told() {
    for (id, likeness) in [
        ("jane@example.com", "an e-mail address"),
        ("acct:jane@example.com", "an e-mail address"),
        ("4242424242424242", "a card number"),
        ("4242 4242 4242 4242", "a card number"),
        ("cus_4242424242424242", "a card number"),
        ("203.0.113.7", "an IP address"),
        ("2001:db8::7", "an IP address"),
        ("DE89370400440532013000", "a bank account number"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "a token or key"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "a token or key"),
        ("seen at 203.0.113.7", "a text with personal data in it"),
    ] {
        assert_eq!(id_offence(id), Some(likeness), "{id}");
    }
    for id in [
        "acct_1",
        "0193e4a2-7c1d-7d4f-9a00-1234567890ab",
        "41111111-1111-4111-8111-111111111111",
        "1795341600123",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "user|abc@def",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        "12",
        "My workspace 2",
    ] {
        assert_eq!(id_offence(id), None, "{id}");
    }
}

fn properties_of(json: &str) -> String {
    properties(json, &mut NameMemo::default()).expect("JSON").into_owned()
}

#[test]
fn properties_lose_fields_by_name_and_values_by_look() {
    for name in [
        "password",
        "userPassword",
        "client_secret",
        "token",
        "accessToken",
        "Authorization",
        "cookie",
        "email",
        "e-mail",
        "user_email",
        "name",
        "full_name",
        "first-name",
        "phone",
        "prompt",
        "negative_prompt",
        "text",
        "content",
        "message",
        "messages",
        "body",
        "utm_source",
        "utm_campaign",
        "gclid",
        "fbclid",
        "jane@example.com",
        "ip",
    ] {
        let json = format!(r#"{{"{name}":"canary","kept":1}}"#);
        assert_eq!(properties_of(&json), r#"{"kept":1}"#, "{name}");
    }
    assert_eq!(
        properties_of(r#"{"a":{"b":[{"prompt":"x","c":"me@example.com"}]}}"#),
        r#"{"a":{"b":[{"c":"[email]"}]}}"#
    );
    assert_eq!(properties_of(r#"{"n":4242424242424242}"#), r#"{"n":"[card]"}"#);
    assert_eq!(properties_of(r#"{"url":"https://x.example/?utm_source=y"}"#), r#"{"url":"https://x.example/"}"#);
    assert_eq!(properties_of(r#"{"a":"jane\u0040example.com"}"#), r#"{"a":"[email]"}"#);
    assert_eq!(properties_of(r#"{"p\u0072ompt":"canary"}"#), "{}");
    assert_eq!(properties_of(r#"{"a":"x\u0000y"}"#), r#"{"a":"xy"}"#);
    assert!(properties(r#"{"a":"\ud800"}"#, &mut NameMemo::default()).is_err());
}

#[test]
fn clean_properties_are_kept_as_they_were_written() {
    for json in [
        r#"{ "ratio" : "16:9",  "tokens": 812, "prompt_tokens":3, "big": 12345678901234567890, "list":[1,2.50,null] }"#,
        r#"{"email_verified":true,"content_type":"image","message_count":3,"quote":"a \"b\" c"}"#,
        r#"{"asset_id":"0193e4a2-7c1d-7d4f-9a00-1234567890ab","at":1795341600123}"#,
    ] {
        assert_eq!(properties_of(json), json);
    }
}

fn breadcrumbs_of(json: &str) -> Option<String> {
    breadcrumbs(json, &mut NameMemo::default())
}

#[test]
fn breadcrumbs_keep_their_messages_and_their_number_is_bounded() {
    let crumb = r#"{"category":"ui","message":"mail me@example.com","data":{"prompt":"canary","status":200}}"#;
    let kept = breadcrumbs_of(&format!("[{crumb}]")).expect("an array");
    assert_eq!(kept, r#"[{"category":"ui","data":{"status":200},"message":"mail [email]"}]"#);
    let many: Vec<String> = (0..80).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let kept = breadcrumbs_of(&format!(r#"{{"values":[{}]}}"#, many.join(","))).expect("Sentry's shape");
    assert_eq!(kept.matches("\"n\"").count(), 50);
    assert!(kept.ends_with(r#"{"n":79}]"#), "the newest stay");
    assert!(breadcrumbs_of("{}").is_none() && breadcrumbs_of("3").is_none());
}

#[test]
fn refused_events_keep_wire_fields_scrubbed() {
    let event = r#"{"kind":"usage","name":"a.b","email":"me@example.com","ip":"203.0.113.7","user_agent":"UA",
        "account_id":"me@example.com","prompt":"canary","stack":[{"file":"/home/jane/a.js"}]}"#;
    let kept = refused_event(event, |name| matches!(name, "kind" | "name")).expect("an object");
    assert_eq!(kept, r#"{"account_id":"[email]","kind":"usage","name":"a.b","stack":[{"file":"/home/[user]/a.js"}]}"#);
    assert!(refused_event(&format!(r#"{{"a":"{}"}}"#, "x".repeat(5000)), |_| true).is_none());
    assert!(refused_event("[1]", |_| true).is_none());
}

proptest! {
    #[test]
    fn scrubbing_is_settled_after_one_pass(dirty in "\\PC{0,80}") {
        let once = text(&dirty).into_owned();
        let again = text(&once).into_owned();
        prop_assert_eq!(text(&again), again.as_str());
        let _ = (release(&dirty), route(&dirty), file(&dirty), message(&dirty), id_offence(&dirty));
    }

    #[test]
    fn an_address_in_any_text_goes(before in "[a-z ,;:]{0,20}", local in "[a-z]{1,8}[.+_-]?[a-z0-9]{1,8}", after in "[ ,;)]{1,3}[a-z ]{0,20}") {
        let address = format!("{local}@mail.example.com");
        let scrubbed = text(&format!("{before} {address}{after}")).into_owned();
        prop_assert!(!scrubbed.contains(&address), "{}", scrubbed);
    }

    #[test]
    fn properties_stay_json(text in "\\PC{0,40}", name in "\\PC{0,10}", number in any::<i64>()) {
        let json = serde_json::json!({ name: [text, number] }).to_string();
        let scrubbed = properties_of(&json);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&scrubbed).is_ok());
    }
}
