//! Tokens in the shapes that Keycloak writes, of several versions: see `keycloak/README.md`.

use super::*;
use crate::identity::claims::{ClaimRule, Is, LevelFrom};
use crate::identity::words::{Account, Level, Login};
use std::path::Path;

/// Name and content of every shape.
fn shapes() -> Vec<(String, serde_json::Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/identity/token/tests/keycloak");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| (path.display().to_string(), serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()))
        .collect()
}

fn reader() -> Jwt {
    let vneid = Is { account: Account::Citizen, login: Login::Vneid, level: LevelFrom::Claim("/vneid_level".into()) };
    let rule = ClaimRule {
        equals: vec![("/identity_provider".into(), json!("vneid"))],
        matches: vec![],
        present: vec![],
        absent: vec![],
        is: vneid,
    };
    Jwt { principals: vec![rule], ..fixtures::credential(&[RS256]) }
}

#[test]
fn each_of_keycloaks_shapes_is_taken_for_what_it_is() {
    let (reader, mut seen) = (reader(), 0);
    for (name, shape) in shapes() {
        let token = RSA.token_of(&shape["header"].to_string(), &shape["claims"].to_string(), RS256);
        let verdict = reader.verify(&token, Some(&keys()), NOW_S);
        match &verdict {
            Ok(verified) => {
                assert_eq!(shape["expect"], "ok", "{name}");
                assert_eq!(verified.token_ids.session.as_deref(), shape["session"].as_str(), "{name}");
                assert_eq!(verified.token_ids.id.as_deref(), shape["claims"]["jti"].as_str(), "{name}");
                let is_vneid = (verified.facts.login, verified.facts.level) == (Login::Vneid, Level::new(2).unwrap());
                assert_eq!(shape["vneid"], is_vneid, "{name}");
            }
            Err(error) => assert_eq!(shape["expect"], error.as_str(), "{name}"),
        }
        seen += 1;
    }
    assert!(seen >= 13, "{seen}");
}
