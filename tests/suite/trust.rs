//! Tests of the harness itself.
//!
//! A test that looks at the wrong byte proves nothing, so the parts that look are looked at here, without a gate.

use crate::harness::{Ask, Client, HOST, Issuer, Key, Origin, Reply, Scrape};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

#[test]
fn the_origin_records_every_byte_of_a_head_and_the_whole_body() {
    let origin = Origin::answering(|request| Reply::status(201).with("X-A", "1").body(request.body.clone()));
    let mut client = Client::connect(&origin.address());
    let ask = Ask::post("/a%2fb?c=d e", "body").with("x_Odd.Name", "  two  words ").cookie("a=1; S=2");
    let answer = client.ask(&ask);
    assert_eq!((answer.status, answer.text().as_str(), answer.value("x-a")), (201, "body", Some("1")));
    let request = origin.only();
    assert_eq!(request.head.raw, &ask.bytes()[..ask.bytes().len() - 4]);
    assert_eq!((request.method(), request.target(), request.path()), ("POST", "/a%2fb?c=d e", "/a%2fb"));
    assert_eq!(request.value("host"), Some(HOST));
    assert_eq!(request.cookie("S").as_deref(), Some("2"));
    assert_eq!(request.head.aliases("x-odd-name"), ["x_Odd.Name"]);
    client.send(b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n");
    assert_eq!(client.answer().text(), "abcde");
    client.send(b"POST /half HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc");
    client.end();
    client.until_close();
    assert_eq!(origin.connections(), 1);
    let half = origin.take().pop().unwrap();
    assert!(half.path() == "/half" && !half.complete);
}

#[test]
#[should_panic(expected = "nothing was to arrive")]
fn the_origin_fails_a_test_whose_request_was_not_to_arrive() {
    let origin = Origin::answering(|_| Reply::silence());
    let mut client = Client::connect(&origin.address());
    client.send(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
    crate::harness::eventually("the head", || (!origin.requests().is_empty()).then_some(()));
    origin.expect_untouched();
}

#[test]
fn an_issuers_token_holds_for_a_library_that_the_gate_may_use() {
    let issuer = Issuer::start();
    for key in [issuer.key.clone(), Key::ec("ec")] {
        let jwk: Jwk = serde_json::from_value(key.public()).unwrap();
        let algorithm = if key.algorithm() == "RS256" { Algorithm::RS256 } else { Algorithm::ES256 };
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&["account"]);
        let token = key.mint(&issuer.vneid());
        let data = decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
        assert_eq!(data.claims["identity_provider"], "vneid");
        let other: Jwk = serde_json::from_value(Key::rsa("other").public()).unwrap();
        assert!(decode::<Value>(&token, &DecodingKey::from_jwk(&other).unwrap(), &validation).is_err());
    }
}

#[test]
fn a_scrape_reads_labels_as_they_are_meant() {
    let scrape = Scrape::parse("# HELP a b\na{x=\"1,\\\"}\",y=\"q\"} 2\na{x=\"z\",y=\"q\"} 3\nb 1e3\n");
    assert_eq!(scrape.sum("a", &[("y", "q")]), 5.0);
    assert_eq!(scrape.sum("a", &[("x", "1,\"}")]), 2.0);
    assert_eq!(scrape.sum("b", &[]), 1000.0);
    assert_eq!(scrape.maybe("a", &[("y", "r")]), None);
    assert_eq!(scrape.label_values("a", "x"), ["1,\"}", "z"]);
    assert_eq!(scrape.label_names("a"), ["x", "y"]);
}
