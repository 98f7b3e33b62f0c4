//! What a shared store is asked to do, in its own language: each script is one step to everybody else.
//!
//! A name's value starts with the eight bytes by which its session is found: the store cannot open what is sealed. The
//! session's key is made inside the script, so a cluster, which wants every key beforehand, cannot run these.

use redis::Script;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Scripts {
    pub look: Script,
    pub touch: Arc<Script>,
    pub depart: Script,
    pub bind: Script,
    pub forget: Script,
    pub rename: Script,
    pub begin: Script,
    pub begun: Script,
}

/// Ends the session that a name leads to, with the name.
const FINISH: &str = "
local function finish(name, sessions)
  local value = redis.call('GET', name)
  if value then redis.call('DEL', name, sessions .. string.sub(value, 1, 8)) end
end
";

impl Scripts {
    pub fn new() -> Self {
        let finishing = |text: &str| Script::new(&format!("{FINISH}{text}"));
        Scripts {
            look: Script::new(
                "
local name = redis.call('GET', KEYS[1])
if not name then return {} end
local session = redis.call('GET', ARGV[1] .. string.sub(name, 1, 8))
if not session then return {} end
return {name, session}",
            ),
            touch: Arc::new(Script::new("redis.call('SET', KEYS[1], ARGV[1], 'XX', 'EX', ARGV[2])")),
            depart: finishing(
                "
finish(KEYS[1], ARGV[1])
local number = redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return number",
            ),
            bind: finishing(
                "
if ARGV[2] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
finish(KEYS[1], ARGV[1])
if not redis.call('SET', KEYS[3], ARGV[5], 'NX', 'EX', ARGV[6]) then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
return 1",
            ),
            forget: finishing("finish(KEYS[1], ARGV[1])"),
            // The session must still be the one that was looked up.
            rename: Script::new(
                "
redis.call('COPY', KEYS[3], KEYS[4], 'REPLACE')
if not ARGV[2] then return end
local name = redis.call('GET', KEYS[1])
if not name or string.sub(name, 1, 8) ~= ARGV[2] then return end
if redis.call('EXISTS', ARGV[1] .. ARGV[2]) == 0 then return end
redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
redis.call('SET', KEYS[2], ARGV[5], 'EX', ARGV[6])",
            ),
            begin: Script::new(
                "
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
local all = redis.call('HGETALL', KEYS[1])
if #all / 2 > tonumber(ARGV[4]) then
  local oldest = 1
  for at = 3, #all, 2 do
    if tonumber(all[at + 1]) < tonumber(all[oldest + 1]) then oldest = at end
  end
  redis.call('HDEL', KEYS[1], all[oldest])
end",
            ),
            begun: Script::new(
                "
for at = 3, #ARGV do
  local began = redis.call('HGET', KEYS[1], ARGV[at])
  if began and tonumber(began) > tonumber(ARGV[1]) then
    if ARGV[2] == '1' then redis.call('HDEL', KEYS[1], ARGV[at]) end
    return 1
  end
end
return 0",
            ),
        }
    }
}
