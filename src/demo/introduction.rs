//! The text that `vneid-gate demo` prints when it starts.
//!
//! Two lines for programs (`portal`, `metrics`), then what to do in a browser, then curl lines that can be pasted as
//! they stand, each with the answer to expect. It prints nothing itself.

use super::portal::LOGIN_PATH;
use super::sso::DEMO_TOKEN_PATH;
use super::{Stage, people};

/// Text for the terminal, ending in a line break.
pub fn introduction(stage: &Stage) -> String {
    let Stage { gate_url: gate, admin_url: admin, addresses } = stage;
    let (username, password) = (people::AN.number, people::PASSWORD);
    let form = format!("-d 'username={username}&password={password}'");
    let token = |bearer: &str| format!("$(curl -s 'http://{}{DEMO_TOKEN_PATH}?as={bearer}')", addresses.sso);
    format!(
        "\
portal  {gate}/
metrics {admin}/metrics

In a browser
  1. Open {gate}/ and choose \"Đăng nhập\".
  2. Log in with the old password account {username} / {password}: the gate turns you away and says why.
  3. Log in again with \"tài khoản định danh điện tử cấp bởi Bộ Công an\": pick a person, type the code shown.
  4. Choose \"Nộp hồ sơ trực tuyến\", file an application, and read what the gate told the portal.

With curl
  # anyone may look up a case: 200
  curl -i '{gate}/tra-cuu-ho-so?ma=DN-000001'
  # a citizen's password log-in, from a program: 403 in JSON with a support code; from a browser: 403 with a page
  curl -i {form} {gate}{LOGIN_PATH}
  curl -i -H 'Accept: text/html' {form} {gate}{LOGIN_PATH}
  # the same straight to the portal, past the gate: 302, it lets the password in
  curl -i {form} http://{portal}{LOGIN_PATH}
  # the API without a token: 401; with a token born in VNeID: 200; with one born of a password: 403
  curl -i {gate}/api/ho-so
  curl -i -H \"Authorization: Bearer {vneid}\" {gate}/api/ho-so
  curl -i -H \"Authorization: Bearer {by_password}\" {gate}/api/ho-so
  # a path that two servers could read in two ways: 400
  curl -i '{gate}/tra-cuu-ho-so%2f..%2fnop-ho-so'
  # who was refused, and by which rule
  curl -s {admin}/metrics | grep vneid_gate_decisions_total | grep -v ' 0$'

Everything is invented and lies in memory. Ctrl-C ends it.
",
        portal = addresses.portal,
        vneid = token("vneid"),
        by_password = token("password"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Addresses;
    use super::*;

    #[test]
    fn programs_find_the_addresses_on_lines_of_their_own() {
        let at = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let stage = Stage {
            gate_url: "http://127.0.0.1:8080".into(),
            admin_url: "http://127.0.0.1:9180".into(),
            addresses: Addresses { portal: at(1), vneid: at(2), national_portal: at(3), sso: at(4) },
        };
        let text = introduction(&stage);
        let lines: Vec<_> = text.lines().take(2).collect();
        assert_eq!(lines, ["portal  http://127.0.0.1:8080/", "metrics http://127.0.0.1:9180/metrics"]);
        assert!(text.lines().all(|line| line.chars().count() <= 200));
    }
}
