//! The page for a person, as HTML.
//!
//! One document: the reader's language first, the other after it, in full where there is something to learn. Works
//! without its style and needs nothing else. What comes from outside is escaped; sentences come from `text`. Knows no
//! status and no header.

use super::text::{Labels, Link, Note, Text, labels, text, work};
use super::{Answer, Kind, Language, safe_link};

/// Goes out between `<style>` and `</style>`, byte for byte: the headers name its hash.
pub(super) const STYLE: &str = include_str!("page.css");

const VNEID_GUIDE: &str = "https://vneid.gov.vn";

pub(super) fn render(answer: &Answer<'_>, language: Language) -> String {
    let first = labels(language);
    let second = labels(language.other());
    let (lang, other) = (language.tag(), language.other().tag());
    let title = escape(text(answer.kind, language).heading);
    let (system, system_other, name) = (escape(first.system), escape(second.system), second.name);
    let main = in_full(answer, language, Place::First);
    let after = if is_guide(answer.kind) {
        in_full(answer, language.other(), Place::Second)
    } else {
        in_brief(answer, language.other())
    };
    format!(
        r##"<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<title>{title} · {system}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<style>{STYLE}</style>
</head>
<body>
<header>
<p>{system}<br><span lang="{other}">{system_other}</span></p>
<a href="#{other}" lang="{other}" hreflang="{other}">{name}</a>
</header>
<main>
{main}{after}</main>
</body>
</html>
"##
    )
}

/// Is there something to learn, so that both languages say all of it?
fn is_guide(kind: Kind) -> bool {
    matches!(kind, Kind::Refused(_) | Kind::LogInFirst)
}

/// Where a section stands decides the rank of its headings.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    First,
    Second,
}

impl Place {
    fn heading(self, text: &str) -> String {
        self.ranked(["h1", "h2"], text)
    }

    fn subheading(self, text: &str) -> String {
        self.ranked(["h2", "h3"], text)
    }

    fn ranked(self, [first, second]: [&str; 2], text: &str) -> String {
        let tag = if self == Place::First { first } else { second };
        format!("<{tag}>{}</{tag}>\n", escape(text))
    }
}

fn in_full(answer: &Answer<'_>, language: Language, place: Place) -> String {
    let text = text(answer.kind, language);
    let labels = labels(language);
    let lang = language.tag();
    let mut html = format!("<section id=\"{lang}\" lang=\"{lang}\">\n{}", place.heading(text.heading));
    for paragraph in text.lead {
        html.push_str(&format!("<p>{paragraph}</p>\n"));
    }
    if let Some(why) = answer.why {
        html.push_str(&format!("<p>{} <span lang=\"vi\">{}</span></p>\n", escape(labels.why), escape(why)));
    }
    html.push_str(&form_on_its_way(answer, labels, place));
    html.push_str(&button(answer, text, labels));
    html.push_str(&steps(text, place));
    html.push_str(&notes(answer, text.notes, place));
    html.push_str(&support_code(answer, labels, place));
    if let Some(basis) = text.basis {
        html.push_str(&format!("<p class=\"small\">{}</p>\n", escape(basis)));
    }
    html.push_str("</section>\n");
    html
}

fn in_brief(answer: &Answer<'_>, language: Language) -> String {
    let text = text(answer.kind, language);
    let (lang, heading) = (language.tag(), Place::Second.heading(text.heading));
    let (summary, labels, code) = (escape(text.summary), labels(language), escape(answer.support_code));
    let (label, help) = (escape(labels.code), escape(labels.code_help));
    format!(
        "<section id=\"{lang}\" lang=\"{lang}\">\n{heading}<p>{summary}</p>\n\
         <p>{label}: <strong>{code}</strong>. {help}</p>\n</section>\n"
    )
}

fn form_on_its_way(answer: &Answer<'_>, labels: &Labels, place: Place) -> String {
    let Some(work) = work(answer.kind).filter(|_| answer.submission) else { return String::new() };
    let (heading, body) = (labels.work)(work);
    format!("<div class=\"box\">\n{}<p>{}</p>\n</div>\n", place.subheading(heading), escape(body))
}

/// The way to the log-in; in a new tab where this one holds a form that the person will want back.
fn button(answer: &Answer<'_>, text: &Text, labels: &Labels) -> String {
    let (Some(label), Some(link)) = (text.button, answer.login_link()) else { return String::new() };
    let (label, link) = (escape(label), escape(link));
    if answer.submission || answer.kind == Kind::LogInFirst {
        let new_tab = escape(labels.new_tab);
        return format!(
            "<p><a class=\"button\" href=\"{link}\" target=\"_blank\" rel=\"noopener noreferrer\">{label} \
             <small>({new_tab})</small></a></p>\n"
        );
    }
    format!("<p><a class=\"button\" href=\"{link}\">{label}</a></p>\n")
}

fn steps(text: &Text, place: Place) -> String {
    if text.steps.is_empty() {
        return String::new();
    }
    let steps: String = text.steps.iter().map(|step| format!("<li>{step}</li>\n")).collect();
    format!("{}<ol>\n{steps}</ol>\n", place.subheading(text.steps_heading))
}

fn notes(answer: &Answer<'_>, notes: &[Note], place: Place) -> String {
    notes
        .iter()
        .map(|note| {
            let link = note.link.and_then(|link| anchor(answer, link)).unwrap_or_default();
            format!("<div class=\"note\">\n{}<p>{} {link}</p>\n</div>\n", place.subheading(note.heading), note.body)
        })
        .collect()
}

/// A link that shows its own address, so that it can be read out and typed.
fn anchor(answer: &Answer<'_>, link: Link) -> Option<String> {
    let address = safe_link(match link {
        Link::Vneid => VNEID_GUIDE,
        Link::NationalPortal => answer.national_portal_url,
    })?;
    let shown = address.strip_prefix("https://").unwrap_or(address).trim_end_matches('/');
    Some(format!("<a href=\"{}\">{}</a>", escape(address), escape(shown)))
}

fn support_code(answer: &Answer<'_>, labels: &Labels, place: Place) -> String {
    format!(
        "<div class=\"box\">\n{}<p class=\"code\">{}</p>\n<p>{}</p>\n<p class=\"small\">{}: {}</p>\n</div>\n",
        place.subheading(labels.code),
        escape(answer.support_code),
        escape(labels.code_help),
        escape(labels.reason),
        escape(answer.reason),
    )
}

/// Text as it may stand between tags and inside a quoted attribute; control characters become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push('\n'),
            control if control.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            other => escaped.push(other),
        }
    }
    escaped
}
