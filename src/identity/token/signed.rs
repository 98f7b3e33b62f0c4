//! Did one of the issuer's keys sign this text?
//!
//! The one way from a compact JWT to its claims, for tokens that open something and for those that end it, so that none
//! of them is proved more laxly than another. Nothing but `alg` and `kid` is looked at to verify, and the claims are not
//! read before the signature holds. Judges no claim.

use super::form::Parts;
use crate::identity::check::Failure;
use crate::identity::keys::{KeySet, asymmetric};
use crate::wire::json::parse_strict;
use jsonwebtoken::Algorithm;
use serde_json::Value;

/// The claims of a token whose signature holds. Without keys the form is judged all the same, then it is
/// [`Failure::Unavailable`]. `reads_kind` says whether a `typ` of the header is one that the caller reads; a header
/// without one says nothing.
pub(in crate::identity) fn signed_claims(
    token: &str,
    keys: Option<&KeySet>,
    algorithms: &[Algorithm],
    reads_kind: impl Fn(&str) -> bool,
) -> Result<Value, Failure> {
    let parts = Parts::split(token).ok_or(Failure::Malformed)?;
    let header = parse_strict(&parts.header).map_err(|_| Failure::Malformed)?;
    let (algorithm, kid) = judge_header(&header, algorithms, reads_kind)?;
    let keys = keys.ok_or(Failure::Unavailable)?;
    prove(&parts, keys, kid, algorithm)?;
    parse_strict(&parts.claims).map_err(|_| Failure::Malformed)
}

/// Algorithm and `kid`. Where to find a key (`jku`, `jwk`, `x5u`, `x5c`) is not the token's to say: ignored.
fn judge_header<'h>(
    header: &'h Value,
    algorithms: &[Algorithm],
    reads_kind: impl Fn(&str) -> bool,
) -> Result<(Algorithm, Option<&'h str>), Failure> {
    // each of these changes how the rest must be read, and the gate reads it in one way only
    if ["crit", "b64", "zip", "enc"].iter().any(|member| header.get(member).is_some()) {
        return Err(Failure::Malformed);
    }
    let kind = optional_text(header, "typ")?;
    let kid = optional_text(header, "kid")?;
    let algorithm = optional_text(header, "alg")?.ok_or(Failure::Malformed)?;
    if kind.is_some_and(|kind| !reads_kind(kind)) {
        return Err(Failure::Malformed);
    }
    let algorithm = asymmetric(algorithm).filter(|algorithm| algorithms.contains(algorithm));
    Ok((algorithm.ok_or(Failure::Algorithm)?, kid))
}

/// Tries the keys that the set offers; the signature covers header and claims as they were sent.
fn prove(parts: &Parts<'_>, keys: &KeySet, kid: Option<&str>, algorithm: Algorithm) -> Result<(), Failure> {
    let mut verdict = match kid {
        Some(kid) if keys.knows(kid) => Failure::Algorithm,
        _ => Failure::UnknownKid,
    };
    for key in keys.find(kid, algorithm) {
        if let Ok(true) = jsonwebtoken::crypto::verify(parts.signature, parts.signed, &key.public, algorithm) {
            return Ok(());
        }
        verdict = Failure::Signature;
    }
    Err(verdict)
}

fn optional_text<'v>(object: &'v Value, member: &str) -> Result<Option<&'v str>, Failure> {
    object.get(member).map(|value| value.as_str().ok_or(Failure::Malformed)).transpose()
}

/// A media type without the prefix that RFC 7515 §4.1.9 lets senders leave out.
pub(in crate::identity) fn bare(kind: &str) -> &str {
    const PREFIX: &str = "application/";
    match kind.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => kind,
    }
}
