//! The catalogue of spellings, both ways: what is refused and what must pass.

use super::*;

fn path(raw: &str) -> Result<String, Ambiguous> {
    let target = RawTarget::split(raw.as_bytes())?;
    canonical_path(target.path, Relaxed::default()).map(Cow::into_owned)
}

#[test]
fn what_two_servers_could_read_in_two_ways_is_refused() {
    use Ambiguous::*;
    let cases = [
        ("/tra-cuu/../nop", DotSegment),
        ("/./nop", DotSegment),
        ("/nop/..", DotSegment),
        ("/nop/.", DotSegment),
        ("/a/%2e%2e/b", EncodedDelimiter),
        ("/a/..%2fb", EncodedDelimiter),
        ("/a/..%2Fb", EncodedDelimiter),
        ("/a%5cb", EncodedDelimiter),
        ("/a\\b", Backslash),
        ("//nop", EmptySegment),
        ("/a//b", EmptySegment),
        ("/a//", EmptySegment),
        ("/a/..;/b", PathParameter),
        ("/a;x=1", PathParameter),
        ("/a%3bx", EncodedDelimiter),
        ("/%256eop", EncodedDelimiter),
        ("/nop%00.css", Control),
        ("/nop%0d%0a", Control),
        ("/nop%7f", Control),
        ("/nop%zz", BadEscape),
        ("/nop%4", BadEscape),
        ("/nop%", BadEscape),
        ("/a/%c0%ae%c0%ae/b", NotUtf8),
        ("/%ff", NotUtf8),
        ("/%EF%BD%8Eop", LookAlike),
        ("/a%EF%BC%8Fb", LookAlike),
        ("/a%E2%88%95b", LookAlike),
        ("/a%E2%80%A4b", LookAlike),
        ("/%C2%85", Control),
        ("/nop#/assets/a.js", Fragment),
        ("/a?x#y", Fragment),
        ("/a b", RawByte),
        ("/a\u{e1}", RawByte),
        ("/a\tb", Control),
        ("*", NotOriginForm),
        ("nop", NotOriginForm),
        ("", NotOriginForm),
        ("ftp://x/nop", NotOriginForm),
        ("http://x?/a", NotOriginForm),
    ];
    for (raw, why) in cases {
        assert_eq!(path(raw), Err(why), "{raw:?}");
    }
}

#[test]
fn what_is_clear_passes_unchanged_in_meaning() {
    let cases = [
        ("/", "/"),
        ("/nop-ho-so/1", "/nop-ho-so/1"),
        ("/nop-ho-so/", "/nop-ho-so/"),
        ("/%4Eop", "/Nop"),
        ("/t%c3%aan", "/tên"),
        ("/T%C3%AAn%20h%E1%BB%93%20s%C6%A1", "/Tên hồ sơ"),
        ("/a..b/...", "/a..b/..."),
        ("/a.b/.well-known/x", "/a.b/.well-known/x"),
        ("/a:b@c,d=e+f~g!$&'()*", "/a:b@c,d=e+f~g!$&'()*"),
        ("/x?a=/../b//c;d%2f%00", "/x"),
        ("http://dvc.test/x?y", "/x"),
        ("HTTPS://dvc.test", "/"),
    ];
    for (raw, canonical) in cases {
        assert_eq!(path(raw).as_deref(), Ok(canonical), "{raw:?}");
    }
}

#[test]
fn a_relaxation_loosens_one_point_and_only_for_matching() {
    let relaxed = |raw: &str, r: Relaxed| canonical_path(raw, r).map(Cow::into_owned);
    let parameters = Relaxed { path_parameters: true, ..Relaxed::default() };
    assert_eq!(relaxed("/a;v=1/b;w", parameters).as_deref(), Ok("/a/b"));
    assert_eq!(relaxed("/a/..;/b", parameters), Err(Ambiguous::DotSegment));
    assert_eq!(relaxed("/a/;/b", parameters), Err(Ambiguous::EmptySegment));
    assert_eq!(relaxed("/a//b", parameters), Err(Ambiguous::EmptySegment));
    let merge = Relaxed { empty_segments: true, ..Relaxed::default() };
    assert_eq!(relaxed("//a///b/", merge).as_deref(), Ok("/a/b/"));
    assert_eq!(relaxed("/a//..//b", merge), Err(Ambiguous::DotSegment));
    let fold = Relaxed { case_insensitive: true, ..Relaxed::default() };
    assert_eq!(relaxed("/NOP-Ho-So/%C3%8A", fold).as_deref(), Ok("/nop-ho-so/ê"));
}

#[test]
fn canonical_form_is_stable() {
    for raw in ["/", "/a/b/", "/t%c3%aan", "/a%20b"] {
        let once = path(raw).unwrap();
        assert_eq!(canonical_path(&once, Relaxed::default()).as_deref(), Ok(once.as_str()));
    }
}

#[test]
fn a_host_is_a_name_with_an_optional_port() {
    assert_eq!(host_name("DVC.test:443").as_deref(), Ok("dvc.test"));
    assert_eq!(host_name("[::1]:80").as_deref(), Ok("[::1]"));
    for bad in ["", "dvc.test.", "a b", "a/b", "u@h", "a,b", "h:", "h:x", "h:1:2", "[::1", "h:123456", ".h"] {
        assert_eq!(host_name(bad), Err(Ambiguous::HostMalformed), "{bad:?}");
    }
}
