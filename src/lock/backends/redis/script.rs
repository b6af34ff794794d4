//! The three calls as Lua. Each is atomic over all its keys, each compares the owner.
//!
//! They travel as plain `EVAL`: 200 bytes more than `EVALSHA`, for which a server that restarted, failed over or had its
//! scripts flushed never answers `NOSCRIPT`, also not in a pipeline and not during a clean-up.
//!
//! `KEYS` are the keys, `ARGV[1]` the TTL in milliseconds, `ARGV[1 + i]` the token of `KEYS[i]`; the answer has for each
//! 0 where it was not done, else 1, or for `ACQUIRE` the server's clock in microseconds: the fence. Only `ACQUIRE` uses
//! `SET`: at `maxmemory` the others still work.

use ::redis::{Cmd, Pipeline};
use std::time::Duration;

use crate::lock::contract::{Hold, Verb};

/// As it stands in Redis. A hash tag in the caller's key keeps its meaning.
pub(super) fn key(hold: &Hold) -> String {
    format!("{PREFIX}{}", hold.key)
}

/// Before every key of ours.
pub(super) const PREFIX: &str = "paylatch:lock:";

const ACQUIRE: &str = "local done = {}
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
for i, key in ipairs(KEYS) do
  local token = ARGV[i + 1]
  done[i] = 0
  if redis.call('SET', key, token, 'NX', 'PX', ARGV[1]) then
    done[i] = clock
  elseif redis.call('GET', key) == token then
    redis.call('SET', key, token, 'PX', ARGV[1])
    done[i] = clock
  end
end
return done";

const EXTEND: &str = "local done = {}
for i, key in ipairs(KEYS) do
  done[i] = 0
  if redis.pcall('GET', key) == ARGV[i + 1] then done[i] = redis.call('PEXPIRE', key, ARGV[1]) end
end
return done";

const RELEASE: &str = "local done = {}
for i, key in ipairs(KEYS) do
  done[i] = 0
  if redis.pcall('GET', key) == ARGV[i + 1] then done[i] = redis.call('DEL', key) end
end
return done";

const LIST: &str = "local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2] .. '*', 'COUNT', 1000)
local found = {}
for i, key in ipairs(page[2]) do
  local owner = redis.pcall('GET', key)
  if type(owner) == 'string' then found[#found + 1] = {key, owner, redis.call('PTTL', key)} end
end
return {page[1], found}";

/// A page of what is held, as (key, token, milliseconds left), after the cursor of the next page.
pub(super) fn list(cursor: &str) -> Cmd {
    ::redis::cmd("EVAL").arg(LIST).arg(0).arg(cursor).arg(PREFIX).to_owned()
}

/// All of `holds`, in scripts that each stop the server for a fraction of a millisecond, sent together.
pub(super) fn pipeline(verb: Verb, holds: &[Hold], ttl: Duration) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for part in holds.chunks(KEYS_PER_SCRIPT) {
        pipeline.add_command(eval(verb, part, ttl));
    }
    pipeline
}

fn eval(verb: Verb, holds: &[Hold], ttl: Duration) -> Cmd {
    let script = match verb {
        Verb::Acquire => ACQUIRE,
        Verb::Extend => EXTEND,
        Verb::Release => RELEASE,
    };
    let mut eval = ::redis::cmd("EVAL");
    eval.arg(script).arg(holds.len());
    for hold in holds {
        eval.arg(key(hold));
    }
    eval.arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    for hold in holds {
        eval.arg(hold.token.as_str());
    }
    eval
}

/// 256 keys take a server about 0.5 ms, in which it serves nobody else.
const KEYS_PER_SCRIPT: usize = 256;
