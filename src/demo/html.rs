//! Escaping: a typed word becomes part of a page without becoming markup.
//!
//! A page is put together from [`Html`] only; a plain string enters it through [`Html::text`], which escapes. The
//! pages themselves are files beside their modules, filled by `format!`. It knows no request and no page.

use std::fmt;

/// Markup that may be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Html(String);

impl Html {
    pub(super) const fn nothing() -> Self {
        Html(String::new())
    }

    /// Any text, escaped for element content and for quoted attributes.
    pub(super) fn text(text: &str) -> Self {
        let mut escaped = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                other => escaped.push(other),
            }
        }
        Html(escaped)
    }

    /// A page file that was filled with other [`Html`] and with words of ours.
    pub(super) fn filled(page: String) -> Self {
        Html(page)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(parts: I) -> Self {
        Html(parts.into_iter().map(|part| part.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_never_becomes_markup() {
        let html = Html::text(r#"<script>alert("x" & 'y')</script>"#).to_string();
        assert_eq!(html, "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;");
    }
}
