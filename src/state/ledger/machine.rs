//! The life of one session value, as a table: what is known of it, what happens, and what is known then.
//!
//! | known | a log-in or log-out departs | a log-in succeeds | the same, its flow used before | a log-out, or taken back | followed to a new value |
//! |---|---|---|---|---|---|
//! | nothing | nothing | **bound** | nothing, `replayed` | nothing | nothing |
//! | a session | nothing | nothing, `conflict` | as it was, `replayed` | nothing | both values, the old one for a while |
//!
//! A success binds only what nothing is known of. Whatever was known ended when the log-in departed, so a session that is
//! there again was bound by another log-in meanwhile, and nobody knows which of them the portal served last.
//! A value of which something is known is never the new value of another session.
//!
//! Memory and the shared store ask here and write what comes out; neither decides by itself.

/// What happens to a session value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A log-in or a log-out travels to the portal.
    Departs,
    /// The portal's answer shows the success of a log-in; whether its flow had its success before.
    Succeeds { used: bool },
    /// The portal ended it: a log-out, or its cookie taken back.
    Ends,
    /// An answer gives it another value; whether something is known of that one.
    Replaced { by_known: bool },
}

/// What is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Nothing,
    /// What is known ends, under each of its names.
    End,
    Bind,
    /// The new value leads to the same session.
    Follow,
}

/// What became of a log-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Bound,
    /// Another log-in of the same value was under way.
    Conflict,
    /// The same log-in was bound before.
    Replayed,
}

/// The table in the module's head.
pub fn step(known: bool, event: Event) -> Step {
    match (known, event) {
        (false, Event::Succeeds { used: false }) => Step::Bind,
        (_, Event::Succeeds { used: true }) => Step::Nothing,
        (true, Event::Departs | Event::Ends | Event::Succeeds { used: false }) => Step::End,
        (true, Event::Replaced { by_known: false }) => Step::Follow,
        (_, Event::Replaced { .. }) | (false, Event::Departs | Event::Ends) => Step::Nothing,
    }
}

/// How a log-in ended by the step that its success led to.
pub fn outcome(step: Step, used: bool) -> Outcome {
    match (step, used) {
        (Step::Bind, _) => Outcome::Bound,
        (_, true) => Outcome::Replayed,
        (Step::Nothing | Step::End | Step::Follow, false) => Outcome::Conflict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 6] = [
        Event::Departs,
        Event::Succeeds { used: false },
        Event::Succeeds { used: true },
        Event::Ends,
        Event::Replaced { by_known: false },
        Event::Replaced { by_known: true },
    ];

    #[test]
    fn every_state_meets_every_event() {
        use Step::{Bind, End, Follow, Nothing};
        for (known, steps) in [
            (false, [Nothing, Bind, Nothing, Nothing, Nothing, Nothing]),
            (true, [End, End, Nothing, End, Follow, Nothing]),
        ] {
            assert_eq!(EVENTS.map(|event| step(known, event)), steps, "known: {known}");
        }
    }

    /// Whatever happens in whatever order: a session is known only after a success that nothing contradicted since.
    #[test]
    fn nothing_but_a_fresh_success_makes_a_session_known() {
        for length in 1..=5_u32 {
            for run in 0..6_usize.pow(length) {
                let mut known = false;
                for at in 0..length {
                    let event = EVENTS[run / 6_usize.pow(at) % 6];
                    let after = match step(known, event) {
                        Step::Nothing | Step::Follow => known,
                        Step::End => false,
                        Step::Bind => true,
                    };
                    assert!(known || !after || event == Event::Succeeds { used: false }, "{event:?}");
                    assert!(!after || !matches!(event, Event::Departs | Event::Ends), "{event:?}");
                    known = after;
                }
            }
        }
    }
}
