//! The frame of the stand-ins' pages.
//!
//! The shared outer page of the two identity providers, which says in its title and on a banner that it is not the
//! real one, and the box for mistakes that all pages use. The files lie in `pages/`.

use super::html::Html;

/// A page of an identity provider. `kind` is its class in the style sheet.
pub(super) fn stand_in(name: &'static str, kind: &'static str, content: Html) -> Html {
    Html::filled(format!(include_str!("pages/stand_in.html"), name = name, kind = kind, content = content))
}

/// A box that says what went wrong, in both languages.
pub(super) fn mistake(vietnamese: &'static str, english: &'static str) -> Html {
    Html::filled(format!(
        r#"<p class="mistake" role="alert">{vietnamese} <span class="en" lang="en">{english}</span></p>"#
    ))
}
