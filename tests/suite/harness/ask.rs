//! A request as the client sends it, put together.
//!
//! A request written down field by field; its bytes are what stands here and nothing else. Content-Length is added
//! to a body unless the test says how the body is framed.

use super::portal::HOST;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub method: String,
    pub target: String,
    fields: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Ask {
        Ask { method: method.to_owned(), target: target.to_owned(), fields: Vec::new(), body: None }
    }
    pub(crate) fn get(target: &str) -> Ask {
        Ask::new("GET", target)
    }
    pub(crate) fn post(target: &str, body: impl Into<Vec<u8>>) -> Ask {
        Ask::new("POST", target).body(body)
    }
    /// A POST of a form as browsers send it; names and values are given encoded.
    pub(crate) fn form(target: &str, form: &str) -> Ask {
        Ask::post(target, form).with("Content-Type", "application/x-www-form-urlencoded")
    }
    pub(crate) fn json(target: &str, text: &str) -> Ask {
        Ask::post(target, text).with("Content-Type", "application/json")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Ask {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
    pub(crate) fn cookie(self, pair: &str) -> Ask {
        self.with("Cookie", pair)
    }
    pub(crate) fn bearer(self, token: &str) -> Ask {
        self.with("Authorization", &format!("Bearer {token}"))
    }
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Ask {
        self.body = Some(body.into());
        self
    }
    /// The fields of a browser that navigates.
    pub(crate) fn navigating(self) -> Ask {
        self.with("Sec-Fetch-Mode", "navigate")
            .with("Sec-Fetch-Dest", "document")
            .with("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
            .with("Accept-Language", "vi-VN,vi;q=0.9,en;q=0.5")
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// As it goes onto the wire; a `Host` of the portal is added when the test names none.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            head.push_str(&format!("Host: {HOST}\r\n"));
        }
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let framed = self.has("content-length") || self.has("transfer-encoding");
        if let (Some(body), false) = (&self.body, framed) {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}
