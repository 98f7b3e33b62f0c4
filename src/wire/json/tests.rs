//! Promises of the strict JSON reader.

use super::parse_strict;
use serde_json::json;

fn refusal(text: &[u8]) -> String {
    parse_strict(text).expect_err("must be refused").to_string()
}

#[test]
fn every_kind_of_value_is_read_as_it_stands() {
    let text = r#" {"a":[null,true,-1,18446744073709551615,1.5,"\u0111\n"],"b":{"c":{}}} "#;
    let value = json!({"a": [null, true, -1, 18446744073709551615u64, 1.5, "đ\n"], "b": {"c": {}}});
    assert_eq!(parse_strict(text.as_bytes()).unwrap(), value);
}

#[test]
fn a_member_name_given_twice_is_refused_at_any_depth() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":null}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"[[{"a":1,"a":2}]]"#,
        r#"{"a":1,"\u0061":2}"#,
    ] {
        assert!(refusal(text.as_bytes()).starts_with("a member name appears twice"), "{text}");
    }
}

#[test]
fn the_same_name_in_two_objects_is_no_duplicate() {
    assert!(parse_strict(br#"{"a":{"a":1},"b":{"a":2}}"#).is_ok());
    assert!(parse_strict(br#"{"a":1,"A":2}"#).is_ok());
}

#[test]
fn anything_after_the_value_is_refused() {
    for text in ["{} {}", "{}x", "1,2", "{}\0", "null\u{feff}"] {
        assert!(parse_strict(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(parse_strict(b"{}\r\n\t ").is_ok());
}

#[test]
fn thirty_two_levels_pass_and_one_more_does_not() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
        let levels = if open.len() > 5 { 16 } else { 32 };
        let nested = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels)).into_bytes();
        assert!(parse_strict(&nested(levels)).is_ok(), "{open}");
        assert!(refusal(&nested(levels + 1)).starts_with("nested too deeply"), "{open}");
        assert!(refusal(&nested(100_000)).starts_with("nested too deeply"), "{open}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        &b""[..],
        b" ",
        b"{",
        b"{\"a\"}",
        b"{a:1}",
        b"{'a':1}",
        b"[1,]",
        b"{\"a\":1,}",
        b"NaN",
        b"Infinity",
        b"01",
        b"+1",
        b".5",
        b"0x10",
        b"1e999",
        b"// c\n1",
        b"\"\x01\"",
        b"\"\\ud800\"",
        b"\"\xff\"",
        b"{\"\xc0\xae\":1}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
    ] {
        assert!(parse_strict(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_error_tells_the_place_and_repeats_no_content() {
    assert_eq!(refusal(br#"{"secret":1,"secret":2}"#), "a member name appears twice at line 1 column 23");
    assert!(!refusal(br#"{"a":"secret"#).contains("secret"));
}
