//! Every coding comes back whole, and no bomb unfolds.

use std::io::Write;

use super::*;
use proptest::prelude::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn brotli_of(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(bytes).expect("memory");
    encoder.into_inner()
}

fn decoded(body: Vec<u8>, coding: Option<&str>) -> Result<Bytes, BodyError> {
    decompress(Bytes::from(body), coding, &Limits::default())
}

#[test]
fn reads_every_coding_and_gzip_without_a_header() {
    let text = b"{\"kind\":\"log\",\"message\":\"hello\"}\n".repeat(50);
    let encoded = [
        (gzip(&text), Some("gzip")),
        (gzip(&text), Some(" GZIP ")),
        (gzip(&text), None),
        (gzip(&text), Some("identity")),
        (zlib(&text), Some("deflate")),
        (raw_deflate(&text), Some("deflate")),
        (brotli_of(&text), Some("br")),
        (zstd::encode_all(&text[..], 3).expect("memory"), Some("zstd")),
        (text.clone(), None),
        (text.clone(), Some("identity")),
    ];
    for (body, coding) in encoded {
        assert_eq!(decoded(body, coding).as_deref(), Ok(&text[..]), "{coding:?}");
    }
}

#[test]
fn refuses_unknown_and_layered_codings() {
    for coding in ["lzma", "gzip, gzip", "gzip,br"] {
        assert!(matches!(decoded(vec![b'x'], Some(coding)), Err(BodyError::UnsupportedEncoding(_))), "{coding}");
    }
}

#[test]
fn only_one_layer_is_taken_off() {
    let inner = gzip(b"{}");
    assert_eq!(decoded(gzip(&inner), Some("gzip")).as_deref(), Ok(&inner[..]));
}

#[test]
fn broken_and_torn_data_is_unreadable() {
    let text: Vec<u8> = (0..9000_u32).flat_map(u32::to_le_bytes).collect();
    for (body, coding) in [
        (gzip(&text), "gzip"),
        (zlib(&text), "deflate"),
        (brotli_of(&text), "br"),
        (zstd::encode_all(&text[..], 3).expect("memory"), "zstd"),
    ] {
        let torn = body[..body.len() / 2].to_vec();
        assert!(matches!(decoded(torn, Some(coding)), Err(BodyError::Unreadable(_))), "{coding} torn");
        assert!(matches!(decoded(b"not compressed".to_vec(), Some(coding)), Err(BodyError::Unreadable(_))), "{coding}");
    }
}

#[test]
fn bombs_stop_just_past_the_first_mebibyte() {
    let zeros = vec![0; 4 << 20];
    let bombs = [
        (gzip(&zeros), "gzip"),
        (zlib(&zeros), "deflate"),
        (brotli_of(&zeros), "br"),
        (zstd::encode_all(&zeros[..], 3).expect("memory"), "zstd"),
    ];
    for (bomb, coding) in bombs {
        let consumed = Cell::new(0);
        let metered = Metered { rest: &bomb, consumed: &consumed };
        if coding == "gzip" {
            let mut decoder = MultiGzDecoder::new(metered);
            assert!(read_capped(&mut decoder, &consumed, &Limits::default()).is_err());
            assert!(consumed.get() < 32 << 10, "{} of {} bytes were read", consumed.get(), bomb.len());
        }
        assert!(matches!(decoded(bomb, Some(coding)), Err(BodyError::TooLarge(_))), "{coding}");
    }
}

#[test]
fn caps_hold_for_what_was_sent_and_for_what_it_unfolds_to() {
    let limits = Limits { body_bytes_max: 100, decoded_bytes_max: 1000, ..Limits::default() };
    let sent = |body: Vec<u8>, coding| decompress(Bytes::from(body), coding, &limits);
    assert!(matches!(sent(vec![b'x'; 101], None), Err(BodyError::TooLarge(_))));
    assert!(sent(gzip(&[b'x'; 1000]), Some("gzip")).is_ok());
    assert!(matches!(sent(gzip(&[b'x'; 1001]), Some("gzip")), Err(BodyError::TooLarge(_))));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..2000), coding in 0..5_usize) {
        let coding = [None, Some("gzip"), Some("deflate"), Some("br"), Some("zstd")][coding];
        let limits = Limits::default();
        if let Ok(decoded) = decompress(Bytes::from(body), coding, &limits) {
            prop_assert!(decoded.len() <= limits.decoded_bytes_max);
        }
    }
}
