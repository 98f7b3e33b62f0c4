//! The portal's sessions, named by a cookie.
//!
//! Opaque ids under the name that PHP gives its cookie. A session holds who logged in, never how, and a log-in that
//! is under way. As in the portals that it stands for, the id stays the same over a log-in, and a box at the password form
//! lets somebody in again later by a cookie alone. It knows no page.

use crate::demo::authorization::Provider;
use crate::demo::people::Person;
use crate::demo::shelf::{Shelf, unguessable};
use crate::demo::web::{self, Answer, Request};
use http::header;
use std::sync::{Mutex, MutexGuard, PoisonError};

const COOKIE: &str = "PHPSESSID";
const REMEMBER: &str = "remember_me";
const SESSIONS: usize = 1_000;

/// What the portal knows of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub signed_in: Option<Person>,
    pub pending: Option<Pending>,
}

/// A log-in that was sent to an identity provider and has not come back.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// The provider's call-back path.
    pub callback_path: &'static str,
    pub state: String,
    pub wanted: Wanted,
}

/// Where a visitor wanted to go when they were asked to log in. A closed list: no address is ever redirected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wanted {
    #[default]
    Home,
    Filing,
}

impl Wanted {
    pub(crate) fn parse(path: &str) -> Self {
        if path == Wanted::Filing.path() { Wanted::Filing } else { Wanted::Home }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Wanted::Home => "/",
            Wanted::Filing => "/nop-ho-so",
        }
    }
}

/// The asker of one request.
#[derive(Debug, Default)]
pub(crate) struct Visitor {
    /// A session that the portal knows.
    pub id: Option<String>,
    pub session: Session,
}

impl Visitor {
    pub(crate) fn signed_in(&self) -> Option<&Person> {
        self.session.signed_in.as_ref()
    }
}

/// Every session and everybody who is remembered, at most [`SESSIONS`] of each.
pub(super) struct Sessions {
    open: Mutex<Shelf<Session>>,
    remembered: Mutex<Shelf<Person>>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Sessions { open: Mutex::new(Shelf::new(SESSIONS)), remembered: Mutex::new(Shelf::new(SESSIONS)) }
    }

    pub(super) fn visitor(&self, request: &Request) -> Visitor {
        let Some(id) = request.cookie(COOKIE) else { return Visitor::default() };
        match self.shelf().look(id) {
            Some(session) => Visitor { id: Some(id.to_owned()), session: session.clone() },
            None => Visitor::default(),
        }
    }

    /// Someone logged in, in the session that is there or a new one, whose cookie the answer sets.
    pub(super) fn sign_in(&self, visitor: &Visitor, person: Person, answer: Answer) -> Answer {
        let mut shelf = self.shelf();
        if let Some(session) = visitor.id.as_deref().and_then(|id| shelf.look_mut(id)) {
            *session = Session { signed_in: Some(person), pending: None };
            return answer;
        }
        drop(shelf);
        self.open(Session { signed_in: Some(person), pending: None }, answer)
    }

    /// A cookie by which this person is let in later on without any log-in.
    pub(super) fn remember(&self, person: Person, answer: Answer) -> Answer {
        let token = unguessable();
        let cookie = format!("{REMEMBER}={token}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).put(token, person);
        web::with(answer, header::SET_COOKIE, &cookie)
    }

    /// Who is remembered by a cookie of the request.
    pub(super) fn recalled(&self, request: &Request) -> Option<Person> {
        let token = request.cookie(REMEMBER)?;
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).look(token).cloned()
    }

    /// Remembers a log-in under way; a visitor without a session gets one.
    pub(super) fn expect(&self, visitor: &Visitor, pending: Pending, answer: Answer) -> Answer {
        let mut shelf = self.shelf();
        if let Some(session) = visitor.id.as_deref().and_then(|id| shelf.look_mut(id)) {
            session.pending = Some(pending);
            return answer;
        }
        drop(shelf);
        self.open(Session { signed_in: None, pending: Some(pending) }, answer)
    }

    /// The log-in under way, which this forgets: a provider's answer counts once. `None` unless the provider and the
    /// state are the ones that this session was sent away with.
    pub(super) fn came_back(&self, visitor: &Visitor, provider: &Provider, state: &str) -> Option<Pending> {
        let mut shelf = self.shelf();
        let pending = shelf.look_mut(visitor.id.as_deref()?)?.pending.take()?;
        (pending.callback_path == provider.callback_path() && pending.state == state).then_some(pending)
    }

    pub(super) fn end(&self, visitor: &Visitor) {
        if let Some(id) = &visitor.id {
            self.shelf().take(id);
        }
    }

    fn open(&self, session: Session, answer: Answer) -> Answer {
        let id = unguessable();
        let answer = web::with(answer, header::SET_COOKIE, &format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax"));
        self.shelf().put(id, session);
        answer
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the browser to forget the cookie.
pub(super) fn forget(answer: Answer) -> Answer {
    let answer =
        web::with(answer, header::SET_COOKIE, &format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
    web::with(answer, header::SET_COOKIE, &format!("{REMEMBER}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"))
}
