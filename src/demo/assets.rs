//! Style sheets, pictures and scripts of the demo.
//!
//! Files built into the binary, so that it works offline and from any folder. The only script sends the filing form
//! as a program would.

use super::web::{self, Answer};
use http::StatusCode;

const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// What the portal serves under `/assets/`, and the picture that browsers ask for by themselves.
pub(super) fn of_portal(path: &str) -> Answer {
    match path {
        "/assets/portal.css" => web::asset(CSS, include_str!("assets/portal.css")),
        "/assets/xhr.js" => web::asset("text/javascript; charset=utf-8", include_str!("assets/xhr.js")),
        "/assets/icon.svg" | "/favicon.ico" => web::asset(SVG, include_str!("assets/icon.svg")),
        _ => web::text(StatusCode::NOT_FOUND, "404 not found"),
    }
}

/// What the stand-in identity providers serve.
pub(super) fn of_stand_in(path: &str) -> Answer {
    match path {
        "/stand-in.css" => web::asset(CSS, include_str!("assets/stand_in.css")),
        "/favicon.ico" => web::asset(SVG, include_str!("assets/icon.svg")),
        _ => web::text(StatusCode::NOT_FOUND, "404 not found"),
    }
}
