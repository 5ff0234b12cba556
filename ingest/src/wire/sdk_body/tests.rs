//! Every way in which a body has been seen to hold its JSON, and what only pretends to.

use std::io::Write;

use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

const JSON: &str = r#"{"api_key":"wk_web_secret","event":"ein Bild: é","properties":{"distinct_id":"a+b/c="}}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut into = Vec::new();
    brotli::CompressorWriter::new(&mut into, 4096, 5, 22).write_all(bytes).expect("memory");
    into
}

fn lz64(text: &str) -> String {
    lz_str::compress_to_base64(text.encode_utf16().collect::<Vec<u16>>())
}

fn form(fields: &[(&str, &str)]) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

fn open(body: Vec<u8>, encoding: Option<&str>, compression: Option<&str>) -> Result<Bytes, BodyError> {
    let hints =
        BodyHints { content_encoding: encoding.map(str::to_owned), compression: compression.map(str::to_owned) };
    open_sdk_body(Bytes::from(body), &hints, &Limits::default())
}

#[test]
fn every_form_on_the_wire_holds_the_same_json() {
    let plain = JSON.as_bytes();
    let zstd = zstd::encode_all(plain, 3).expect("memory");
    let base64 = STANDARD.encode(plain);
    let bodies: Vec<(Vec<u8>, Option<&str>, Option<&str>)> = vec![
        (plain.to_vec(), None, None),
        ([BYTE_ORDER_MARK, b"\n  ", plain, b"\n"].concat(), None, None),
        // gzip that says so, gzip that does not, and gzip that was taken off on the way.
        (gzip(plain), Some("gzip"), None),
        (gzip(plain), None, Some("gzip-js")),
        (gzip(plain), None, None),
        (plain.to_vec(), Some("gzip"), None),
        (plain.to_vec(), None, Some("gzip-js")),
        (zlib(plain), Some("deflate"), None),
        (deflate(plain), Some("deflate"), None),
        (plain.to_vec(), Some("deflate"), None),
        (brotli(plain), Some("br"), None),
        (plain.to_vec(), Some("br"), None),
        (zstd.clone(), Some("zstd"), None),
        (zstd, None, None),
        (base64.clone().into_bytes(), None, Some("base64")),
        (base64.clone().into_bytes(), None, None),
        (form(&[("data", &base64)]), None, None),
        (form(&[("data", &base64), ("compression", "base64")]), None, None),
        (format!("data={base64}").into_bytes(), None, Some("base64")),
        (form(&[("data", &STANDARD.encode(gzip(plain)))]), None, Some("gzip-js")),
        (form(&[("compression", "lz64"), ("data", &lz64(JSON))]), None, None),
        (lz64(JSON).into_bytes(), None, Some("lz64")),
        (form(&[("data", JSON)]), None, None),
        (gzip(&form(&[("data", &base64)])), None, None),
    ];
    for (number, (body, encoding, compression)) in bodies.into_iter().enumerate() {
        let opened = open(body, encoding, compression);
        assert_eq!(opened.as_deref(), Ok(plain), "body {number}, {encoding:?}, {compression:?}");
    }
}

#[test]
fn what_holds_no_json_is_unreadable() {
    let half = gzip(JSON.as_bytes());
    for (body, encoding, compression) in [
        (b"".to_vec(), None, None),
        (b"hello".to_vec(), None, None),
        (b"data=".to_vec(), None, None),
        (b"data=%%%".to_vec(), None, Some("base64")),
        (half[..half.len() / 2].to_vec(), None, None),
        (b"AAAA".to_vec(), None, Some("lz64")),
        (vec![0xff, 0xfe, 0x00], None, None),
        (STANDARD.encode("no json").into_bytes(), None, Some("base64")),
        (gzip(&gzip(JSON.as_bytes())), None, None),
    ] {
        let opened = open(body.clone(), encoding, compression);
        assert!(matches!(opened, Err(BodyError::Unreadable(_))), "{body:?}: {opened:?}");
    }
    assert!(matches!(open(b"hello".to_vec(), Some("rot13"), None), Err(BodyError::UnsupportedEncoding(_))));
}

#[test]
fn bombs_are_refused_in_every_wrapping() {
    let zeros = vec![b'['; 60 << 20];
    let bomb = gzip(&zeros);
    for (body, encoding) in [
        (bomb.clone(), None),
        (form(&[("data", &STANDARD.encode(&bomb))]), None),
        (zlib(&zeros), Some("deflate")),
        (zstd::encode_all(&zeros[..], 3).expect("memory"), None),
    ] {
        assert!(matches!(open(body, encoding, None), Err(BodyError::TooLarge(_))));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        encoding in proptest::option::of("gzip|br|deflate|zstd|identity|x"),
        compression in proptest::option::of("gzip-js|lz64|base64|x"),
    ) {
        let _ = open(body, encoding.as_deref(), compression.as_deref());
    }
}
