//! Promises about password grants at the token endpoint: they are password log-ins like any other.
//!
//! A program that sends name and password straight to the issuer passes every log-in page; it must not pass the gate.

use crate::harness::{Ask, Gate, HOST, Issuer, Origin, Policy, portal};

const TOKEN: &str = "/auth/realms/digo/protocol/openid-connect/token";

const SITE: &str = r#"
[[site]]
name = "sso"
hosts = ["ssodvc.daknong.gov.vn"]
upstream = "portal"
[[route]]
name = "token"
site = "sso"
paths = ["/auth/realms/digo/protocol/openid-connect/token"]
"#;
const RULES: &str = r#"[[rule]]
name = "token-endpoint"
routes = ["token"]
when = { evidence = ["none", "unbound"] }
then = "forward"

[[rule]]
name = "officials"#;
const LOGIN: &str = r#"
[[credential.login]]
name = "password-grant"
request = { method = "POST", path = "/auth/realms/digo/protocol/openid-connect/token", form = { grant_type = "password" } }
username = { form = "username" }
success = { status = [200], json = { "/token_type" = "Bearer" } }
is = { login = "password", account_from = "username" }
[[credential.logout]]"#;

#[test]
fn a_password_grant_at_the_token_endpoint_is_decided_before_the_issuer_sees_it() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let gate = Gate::start(
        &Policy::portal_with_tokens(&origin, &issuer)
            .append("gate.toml", SITE)
            .change("[[rule]]\nname = \"officials", RULES)
            .change("[[credential.logout]]", LOGIN),
    );
    let ask = |form: &str| {
        let ask =
            Ask::form(TOKEN, form).with("Host", "ssodvc.daknong.gov.vn").with("Origin", &format!("https://{HOST}"));
        gate.ask(&ask)
    };
    for form in [
        "grant_type=password&client_id=test-public&username=079203001234&password=dung",
        "username=079203001234&password=dung&grant_type=password",
        "grant%5Ftype=password&username=079203001234&password=dung",
        "grant_type=p%61ssword&username=079203001234&password=dung",
        "grant_type=password&grant_type=refresh_token&username=079203001234",
        "grant_type=refresh_token&grant_type=password&username=079203001234",
        "grant_type=password&password=dung",
        "grant_type=Password&username=079203001234&password=dung",
        "grant_type=PASSWORD&username=079203001234&password=dung",
        "grant_type=password+&username=079203001234&password=dung",
        "grant_type=+password&username=079203001234&password=dung",
        "grant_type=password%20&username=079203001234&password=dung",
    ] {
        let status = ask(form).status;
        assert!(matches!(status, 400 | 403), "{form}: {status}");
        origin.expect_untouched();
    }
    for form in
        ["grant_type=authorization_code&code=abc%2B&client_id=web-padsvc", "grant_type=refresh_token&refresh_token=x"]
    {
        assert_eq!(ask(form).status, 200, "{form}");
        assert_eq!(String::from_utf8_lossy(&origin.only().body), form);
    }
}

#[test]
fn where_the_grants_that_may_pass_are_listed_everything_else_is_an_attempt() {
    let (origin, issuer) = (Origin::answering(portal), Issuer::start());
    let listed = LOGIN.replace(
        "form = { grant_type = \"password\" }",
        "unless_form = { grant_type = [\"authorization_code\", \"refresh_token\"] }",
    );
    let gate = Gate::start(
        &Policy::portal_with_tokens(&origin, &issuer)
            .append("gate.toml", SITE)
            .change("[[rule]]\nname = \"officials", RULES)
            .change("[[credential.logout]]", &listed),
    );
    let ask = |form: &str| gate.ask(&Ask::form(TOKEN, form).with("Host", "ssodvc.daknong.gov.vn")).status;
    for form in [
        "grant_type=password&username=079203001234&password=dung",
        "grant_type=Password&username=079203001234&password=dung",
        "grant_type=urn%3Aexample%3Apassword-realm&username=079203001234&password=dung",
        "username=079203001234&password=dung",
        "grant_type=client_credentials&client_id=x",
        "grant_type=authorization_code&grant_type=password&username=079203001234",
        "grant_type=Authorization_Code&code=x",
    ] {
        let status = ask(form);
        assert!(matches!(status, 400 | 403), "{form}: {status}");
        origin.expect_untouched();
    }
    for form in ["grant_type=authorization_code&code=abc", "grant_type=refresh_token&refresh_token=x"] {
        assert_eq!(ask(form), 200, "{form}");
        origin.take();
    }
}
