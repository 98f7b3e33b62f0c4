//! What a shared store is asked to do, in its own language: to read, and to write if nothing
//! changed since.
//! Each script is one step to everybody else; what is written is decided in [`super::machine`].
//!
//! A name's value starts with the eight bytes by which its session is found: the store cannot open what is sealed. The
//! session's key is made inside the script, so a cluster, which wants every key beforehand, cannot run these.

use redis::Script;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Scripts {
    /// A name with its session, and whether a login was bound before.
    pub load: Script,
    /// Writes and deletes keys if others still hold what was read.
    pub swap: Script,
    /// Writes a session down anew if it is still there.
    pub touch: Arc<Script>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Scripts {
            load: Script::new(
                "
local used = 0
if KEYS[2] then used = redis.call('EXISTS', KEYS[2]) end
local name = redis.call('GET', KEYS[1])
if not name then return {'', '', used} end
local session = redis.call('GET', ARGV[1] .. string.sub(name, 1, 8))
return {name, session or '', used}",
            ),
            // ARGV: how many of the keys are compared, what each holds ('' is nothing), then value
            // and seconds for each of the others ('' seconds deletes it).
            swap: Script::new(
                "
local compared = tonumber(ARGV[1])
for at = 1, compared do
  if (redis.call('GET', KEYS[at]) or '') ~= ARGV[1 + at] then return 0 end
end
local next = compared + 2
for at = compared + 1, #KEYS do
  if ARGV[next + 1] == '' then redis.call('DEL', KEYS[at])
  else redis.call('SET', KEYS[at], ARGV[next], 'EX', ARGV[next + 1]) end
  next = next + 2
end
return 1",
            ),
            touch: Arc::new(Script::new("redis.call('SET', KEYS[1], ARGV[1], 'XX', 'EX', ARGV[2])")),
        }
    }
}

/// Changes that are written together, if what was read still holds.
#[derive(Default)]
pub(super) struct Swap {
    compared: Vec<(Vec<u8>, Vec<u8>)>,
    written: Vec<(Vec<u8>, Written)>,
}

enum Written {
    /// For so many seconds.
    Value(Vec<u8>, i64),
    Deleted,
}

impl Swap {
    /// Only while `key` holds `value`; empty: while there is no such key.
    pub(super) fn compare(mut self, key: Vec<u8>, value: &[u8]) -> Self {
        self.compared.push((key, value.to_vec()));
        self
    }

    pub(super) fn set(mut self, key: Vec<u8>, value: Vec<u8>, keep_s: i64) -> Self {
        self.written.push((key, Written::Value(value, keep_s.max(1))));
        self
    }

    pub(super) fn delete(mut self, key: Vec<u8>) -> Self {
        self.written.push((key, Written::Deleted));
        self
    }

    pub(super) fn of<'s>(&self, script: &'s Script) -> redis::ScriptInvocation<'s> {
        let mut call = script.prepare_invoke();
        for key in self.compared.iter().map(|(key, _)| key).chain(self.written.iter().map(|(key, _)| key)) {
            call.key(key.as_slice());
        }
        call.arg(self.compared.len());
        for (_, value) in &self.compared {
            call.arg(value.as_slice());
        }
        for (_, written) in &self.written {
            match written {
                Written::Value(value, keep_s) => call.arg(value.as_slice()).arg(*keep_s),
                Written::Deleted => call.arg("").arg(""),
            };
        }
        call
    }
}
