//! The policy directory of a test's gate.
//!
//! Files by name, with words between `@` that are filled in when the gate starts: `@PORT:main@` is a free port,
//! `@DATA@` a folder outside the policy directory, anything else what the test [`set`](Policy::set). Text is never
//! understood here: a policy may be as wrong as a test wants it.

use super::issuer::Issuer;
use super::origin::Origin;
use super::portal::HOST;
use super::tls::Authority;
use std::collections::BTreeMap;
use std::path::Path;

const PORTAL: [(&str, &str); 3] = [
    ("gate.toml", include_str!("../policies/portal/gate.toml")),
    ("identity.toml", include_str!("../policies/portal/identity.toml")),
    ("rules.toml", include_str!("../policies/portal/rules.toml")),
];

const MAIN: &str = "[[listener]]\naddress = \"127.0.0.1:@PORT:main@\"\n";

/// The files of one policy directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    files: BTreeMap<String, String>,
    words: BTreeMap<String, String>,
}

impl Policy {
    /// A directory without a file.
    pub(crate) fn empty() -> Policy {
        Policy::default()
    }

    /// The portal of the notice, as the handbook writes it, with `origin` as its only server.
    pub(crate) fn portal(origin: &Origin) -> Policy {
        let policy = Policy { files: PORTAL.map(|(n, t)| (n.to_owned(), t.to_owned())).into(), words: BTreeMap::new() };
        policy.set("ORIGIN", &origin.address())
    }

    /// The same portal with tokens of this issuer beside the session cookie.
    pub(crate) fn portal_with_tokens(origin: &Origin, issuer: &Issuer) -> Policy {
        Policy::portal(origin).file("tokens.toml", include_str!("../policies/tokens.toml")).set("JWKS", &issuer.url())
    }

    /// Adds a listener with a certificate for the portal, and a plain one that sends people there.
    pub(crate) fn with_tls(self, authority: &Authority) -> Policy {
        let (certificate, key) = authority.certify(&[HOST, "*.cong.daknong.gov.vn"]);
        let listeners = format!(
            "{MAIN}\n[[listener]]\naddress = \"127.0.0.1:@PORT:tls@\"\n\
             tls = {{ certificate = \"{certificate}\", key = \"{key}\" }}\n\
             \n[[listener]]\naddress = \"127.0.0.1:@PORT:plain@\"\nredirect = \"https\"\n"
        );
        self.change(MAIN, &listeners)
    }

    /// Fills in `@word@`.
    pub(crate) fn set(mut self, word: &str, value: &str) -> Policy {
        self.words.insert(format!("@{word}@"), value.to_owned());
        self
    }

    /// Writes a file, in place of one of that name.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Policy {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    /// Adds text at the end of a file.
    pub(crate) fn append(mut self, name: &str, text: &str) -> Policy {
        self.files.get_mut(name).expect("a file to append to").push_str(text);
        self
    }

    /// Changes one passage, wherever it stands; it must be there.
    #[track_caller]
    pub(crate) fn change(mut self, from: &str, to: &str) -> Policy {
        let file = self.files.values_mut().find(|text| text.contains(from));
        let file = file.unwrap_or_else(|| panic!("no file says: {from}"));
        *file = file.replacen(from, to, 1);
        self
    }

    /// Changes a passage everywhere; it must be there.
    #[track_caller]
    pub(crate) fn change_all(mut self, from: &str, to: &str) -> Policy {
        assert!(self.files.values().any(|text| text.contains(from)), "no file says: {from}");
        self.files.values_mut().for_each(|text| *text = text.replace(from, to));
        self
    }

    /// Names between `@PORT:` and `@`.
    pub(super) fn ports(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .files
            .values()
            .flat_map(|text| text.split("@PORT:").skip(1))
            .filter_map(|rest| rest.split('@').next())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// One file with its words filled in.
    pub(super) fn text(&self, name: &str) -> String {
        let mut text = self.files[name].clone();
        for (word, value) in &self.words {
            text = text.replace(word, value);
        }
        text
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.files.keys()
    }

    /// Writes every file.
    pub(super) fn write(&self, directory: &Path) {
        std::fs::create_dir_all(directory).unwrap();
        for name in self.names() {
            let path = directory.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, self.text(name)).unwrap();
        }
    }
}
