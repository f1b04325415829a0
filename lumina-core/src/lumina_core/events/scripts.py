"""What happens to a stream in one step, in Redis' own Lua: a crash finds all of it done, or none.

Of a group of readers, beside Redis' own consumer group, there are two keys: `leases` (sorted set, entry by the second
its lease ends, or from which it may be given out again) and `again` (hash, entry to attempts and fields, of what was a
dead letter and is delivered anew).
"""

from __future__ import annotations

__all__ = ["ACK", "COUNT", "PUBLISH", "READ", "REPLAY", "TRIM"]

# KEYS: names of streams, then for each event its stream and its mark. ARGV: seconds a mark lives, then for each event
# its stream's name and its fields as a JSON list. Gives the length of the longest stream written to.
PUBLISH = """
local longest = 0
for i = 0, (#KEYS - 1) / 2 - 1 do
  local stream, mark = KEYS[2 + 2 * i], KEYS[3 + 2 * i]
  if redis.call('SET', mark, '1', 'NX', 'EX', ARGV[1]) then
    redis.call('XADD', stream, '*', unpack(cjson.decode(ARGV[3 + 2 * i])))
    redis.call('SADD', KEYS[1], ARGV[2 + 2 * i])
  end
  longest = math.max(longest, redis.call('XLEN', stream))
end
return longest
"""

# What READ and ACK share. KEYS: stream, leases, again, dead letters. ARGV: group, now.
_SHARED = """
local stream, leases, again, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, now = ARGV[1], ARGV[2]
local function forget(entry)
  redis.call('XACK', stream, group, entry)
  redis.call('HDEL', again, entry)
  redis.call('ZREM', leases, entry)
end
local function attempts_of(entry)
  local replayed = redis.call('HGET', again, entry)
  if replayed then return cjson.decode(replayed)[1] end
  local pending = redis.pcall('XPENDING', stream, group, entry, entry, 1)  -- fails where the group was destroyed
  return pending[1] and pending[1][4]
end
local function fields_of(entry)
  local replayed = redis.call('HGET', again, entry)
  if replayed then return cjson.decode(replayed)[2] end
  local found = redis.call('XRANGE', stream, entry, entry)
  return found[1] and found[1][2]
end
local function bury(entry, attempts, reason, name)
  local fields = fields_of(entry)
  if not fields then
    fields = {}
    reason = 'the stream had to drop it before it was handled'
  end
  redis.call('XADD', dead, 'MAXLEN', '~', 10000, '*', 'stream', name, 'group', group, 'entry', entry,
    'attempts', attempts, 'reason', reason, 'ts', now, 'fields', #fields == 0 and '[]' or cjson.encode(fields))
  forget(entry)
end
"""

# ARGV goes on: consumer, end of the lease, most to give, most attempts, where a new group begins, the stream's name.
READ = (
    _SHARED
    + """
local consumer, lease_end, limit, most = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local made = redis.pcall('XGROUP', 'CREATE', stream, group, ARGV[7], 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP') then return made end
local given = {}
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, limit)) do
  local attempts = attempts_of(entry)
  local fields = attempts and fields_of(entry)
  if not attempts then
    redis.call('ZREM', leases, entry)
  elseif attempts >= most or not fields then
    bury(entry, attempts, 'it was given out ' .. attempts .. ' times and never settled', ARGV[8])
  else
    if redis.call('HEXISTS', again, entry) == 1 then
      redis.call('HSET', again, entry, cjson.encode({attempts + 1, fields}))
    else
      redis.call('XCLAIM', stream, group, consumer, 0, entry, 'RETRYCOUNT', attempts + 1, 'JUSTID')
    end
    redis.call('ZADD', leases, lease_end, entry)
    given[#given + 1] = {entry, attempts + 1, fields}
  end
end
if #given < limit then
  local new = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', limit - #given, 'STREAMS', stream, '>')
  for _, item in ipairs(new and new[1] and new[1][2] or {}) do
    redis.call('ZADD', leases, lease_end, item[1])
    given[#given + 1] = {item[1], 1, item[2]}
  end
end
return {given, redis.call('ZRANGE', leases, 0, 0, 'WITHSCORES')[2] or ''}
"""
)

# ARGV goes on: most attempts, the stream's name, then for each delivery its entry, attempt, what became of it
# (done, retry, dead), when to try again, and the reason. Gives for each: done, retried, dead or unknown.
ACK = (
    _SHARED
    + """
local most, answers = tonumber(ARGV[3]), {}
for i = 5, #ARGV, 5 do
  local entry, attempt, fate = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local attempts = redis.call('ZSCORE', leases, entry) and attempts_of(entry)
  if attempts ~= attempt then
    answers[#answers + 1] = 'unknown'
  elseif fate == 'done' then
    forget(entry)
    answers[#answers + 1] = 'done'
  elseif fate == 'dead' or attempts >= most then
    bury(entry, attempts, ARGV[i + 4], ARGV[4])
    answers[#answers + 1] = 'dead'
  else
    redis.call('ZADD', leases, ARGV[i + 3], entry)
    answers[#answers + 1] = 'retried'
  end
end
return answers
"""
)

# KEYS: dead letters, then for each letter leases and again. ARGV: now, then for each letter its id. Gives how many.
REPLAY = """
local replayed = 0
for i = 2, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])
  if found[1] then
    local letter = {}
    for f = 1, #found[1][2], 2 do letter[found[1][2][f]] = found[1][2][f + 1] end
    local leases, again = KEYS[2 * i - 2], KEYS[2 * i - 1]
    redis.call('HSET', again, letter.entry, '[0,' .. letter.fields .. ']')
    redis.call('ZADD', leases, ARGV[1], letter.entry)
    redis.call('XDEL', KEYS[1], ARGV[i])
    replayed = replayed + 1
  end
end
return replayed
"""

# KEYS: stream. ARGV: how many to keep where nobody needs more, how many at the most. Drops the oldest, but what a group
# has not handled only beyond the most. Gives the length.
TRIM = """
local keep, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local function before(a, b)
  local ams, aseq = string.match(a, '(%d+)-(%d+)')
  local bms, bseq = string.match(b, '(%d+)-(%d+)')
  return tonumber(ams) < tonumber(bms) or (ams == bms and tonumber(aseq) < tonumber(bseq))
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', most)
local length = redis.call('XLEN', KEYS[1])
if length <= keep then return length end
local first = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', keep)[keep][1]
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  local needed = group['last-delivered-id']
  local pending = redis.call('XPENDING', KEYS[1], group['name'])
  if pending[1] > 0 then needed = pending[2] end
  if before(needed, first) then first = needed end
end
redis.call('XTRIM', KEYS[1], 'MINID', first)
return redis.call('XLEN', KEYS[1])
"""

# KEYS: stream. ARGV: group, the most to count. Gives how many events the group has not settled.
COUNT = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  if group['name'] == ARGV[1] then
    local after = redis.call('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', ARGV[2])
    return group['pending'] + #after
  end
end
return 0
"""
