// Made by `npm run lua` from the .lua files in this folder: change those.
import { RedisScript } from "../../../redis/script.ts";

export const BUCKET_CHANGE: RedisScript = /* @__PURE__ */ new RedisScript(
  "bucket-change",
  `--[[ bucket-change: replaces, touches or deletes a session record, if it is still the version that
     the caller has read.

     KEYS[1]  the hash
     ARGV[1]  the field
     ARGV[2]  the nonce of that version, 8 bytes; empty if its etag is not a nonce
     ARGV[3]  first and ARGV[4] last position of the etag, as for string.sub: from 1, or negative
              from the end
     ARGV[5]  the etag, for records that are kept whole (flag 2)
     ARGV[6]  time to live, ms, at least 1; without it, the record is deleted
     ARGV[7]  the new value without its expiry; without it, the record stays and only gets the time
              to live

     Result: 1 done; the stored value if it is another version; nil if there is none, or it has
     expired.
     Keeps: no record is created (no resurrection), and another writer's is not changed (no lost
     update). Redis 7.4 and newer deletes the field itself when it expires, if the user may set
     that.
     Cost: O(fields of the hash) while it is a listpack, else O(length of the record); one slot. ]]
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return false end
local time = redis.call('TIME')
if #stored >= 4 and struct.unpack('>I4', stored) <= tonumber(time[1]) then return false end

local isMatch = #ARGV[2] == 8 and string.sub(stored, 6, 13) == ARGV[2]
if string.byte(stored, 5) == 2 then
  isMatch = string.sub(string.sub(stored, 6), ARGV[3], ARGV[4]) == ARGV[5]
end
if not isMatch then return stored end

if not ARGV[6] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return 1
end
local expiry = math.min(math.ceil((time[1] * 1e6 + time[2] + ARGV[6] * 1e3) / 1e6), 4294967295)
redis.call('HSET', KEYS[1], ARGV[1], struct.pack('>I4', expiry) .. (ARGV[7] or string.sub(stored, 5)))
-- An older server would count an error for each write. Checked each time, since the server may be
-- replaced by another.
if (redis.REDIS_VERSION_NUM or 0) >= 0x00070400 then
  -- HSET has removed the field's expiry.
  -- pcall: the record is written, and counts as written even if this is forbidden.
  redis.pcall('HPEXPIREAT', KEYS[1], expiry * 1000, 'FIELDS', 1, ARGV[1])
end
return 1
`,
);

export const BUCKET_CREATE: RedisScript = /* @__PURE__ */ new RedisScript(
  "bucket-create",
  `--[[ bucket-create: stores a session record in a field that has none, or an expired one.

     KEYS[1]  the hash
     ARGV[1]  the field
     ARGV[2]  time to live, ms, at least 1
     ARGV[3]  the value without its expiry: flag, nonce, body

     Result: 1 created; 0 if there is a live record, or a foreign value.
     Keeps: a live record and its expiry stay as they are. The expiry is rounded up to a second, at
     most 2^32 - 1. Redis 7.4 and newer deletes the field itself then, if the user may set that.
     Cost: O(fields of the hash) while it is a listpack, else O(1); one slot. ]]
local time = redis.call('TIME')
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and (#stored < 4 or struct.unpack('>I4', stored) > tonumber(time[1])) then return 0 end
local expiry = math.min(math.ceil((time[1] * 1e6 + time[2] + ARGV[2] * 1e3) / 1e6), 4294967295)
redis.call('HSET', KEYS[1], ARGV[1], struct.pack('>I4', expiry) .. ARGV[3])
-- An older server would count an error for each write. Checked each time, since the server may be
-- replaced by another.
if (redis.REDIS_VERSION_NUM or 0) >= 0x00070400 then
  -- pcall: the record is written, and counts as written even if this is forbidden.
  redis.pcall('HPEXPIREAT', KEYS[1], expiry * 1000, 'FIELDS', 1, ARGV[1])
end
return 1
`,
);

export const BUCKET_DELETE: RedisScript = /* @__PURE__ */ new RedisScript(
  "bucket-delete",
  `--[[ bucket-delete: deletes a session record.

     KEYS[1]  the hash
     ARGV[1]  the field

     Result: 1 if there was a live record, else 0.
     Keeps: an expired record is deleted too, but is not counted.
     Cost: O(fields of the hash) while it is a listpack, else O(1); one slot. ]]
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
if #stored >= 4 and struct.unpack('>I4', stored) <= tonumber(redis.call('TIME')[1]) then return 0 end
return 1
`,
);

export const BUCKET_FIELDS: RedisScript = /* @__PURE__ */ new RedisScript(
  "bucket-fields",
  `--[[ bucket-fields: returns the fields of live session records, one page of a hash.

     KEYS[1]  the hash
     ARGV[1]  the cursor of the page, "0" at first
     ARGV[2]  number of fields to examine

     Result: the next cursor, "0" at the end, then the fields. A key of another type has none.
     Keeps: every field that exists during the whole walk comes at least once, as HSCAN promises.
     Cost: O(ARGV[2]), or O(fields of the hash) while it is a listpack; one slot. ]]
if redis.call('TYPE', KEYS[1])['ok'] ~= 'hash' then return { '0' } end
local now = tonumber(redis.call('TIME')[1])
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local reply = { page[1] }
for at = 1, #page[2], 2 do
  local value = page[2][at + 1]
  if #value >= 5 and struct.unpack('>I4', value) > now then reply[#reply + 1] = page[2][at] end
end
return reply
`,
);

export const BUCKET_READ: RedisScript = /* @__PURE__ */ new RedisScript(
  "bucket-read",
  `--[[ bucket-read: returns a session record, if it has not expired.

     KEYS[1]  the hash
     ARGV[1]  the field

     Result: the value of the field, expiry included; nil if there is none, or it has expired.
     Keeps: an expired record is absent, whether or not it was swept. Redis's clock decides, as for
     keys that expire.
     Cost: O(fields of the hash) while it is a listpack, else O(1); one slot. ]]
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return false end
local now = tonumber(redis.call('TIME')[1])
if #stored >= 4 and struct.unpack('>I4', stored) <= now then return false end
return stored
`,
);

export const BUCKET_SWEEP: RedisScript = /* @__PURE__ */ new RedisScript(
  "bucket-sweep",
  `--[[ bucket-sweep: deletes expired session records, one page of a hash.

     KEYS[1]  the hash
     ARGV[1]  the cursor of the page, "0" at first
     ARGV[2]  number of fields to examine
     ARGV[3]  length of the fields of sessions, in bytes; 0 if it varies

     Result: the next cursor, "0" at the end, then the number of deleted records. A key of another
     type has none.
     Keeps: check and deletion are one step, so no renewed record is deleted. Values without the
     form of a record (its field's length, its flag, its minimum length) stay.
     Cost: O(ARGV[2]), or O(fields of the hash) while it is a listpack; one slot. ]]
if redis.call('TYPE', KEYS[1])['ok'] ~= 'hash' then return { '0', 0 } end
local now = tonumber(redis.call('TIME')[1])
local length = tonumber(ARGV[3])

local function isRecord(field, value)
  if length > 0 and #field ~= length then return false end
  local flag = string.byte(value, 5)
  return flag == 2 or (flag ~= nil and (flag <= 3 or flag > 128) and #value >= 13)
end

local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local deleted = 0
for at = 1, #page[2], 2 do
  local field, value = page[2][at], page[2][at + 1]
  if isRecord(field, value) and struct.unpack('>I4', value) <= now then
    deleted = deleted + redis.call('HDEL', KEYS[1], field)
  end
end
return { page[1], deleted }
`,
);

export const BUCKET_TTL: RedisScript = /* @__PURE__ */ new RedisScript(
  "bucket-ttl",
  `--[[ bucket-ttl: returns the time to live of a session record.

     KEYS[1]  the hash
     ARGV[1]  the field

     Result: the time to live in ms, at least 1; -2 if there is no record, or it has expired.
     Keeps: Redis's clock decides, as for keys that expire. A connection that tracks keys tracks the
     hash.
     Cost: O(fields of the hash) while it is a listpack, else O(1); one slot. ]]
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored or #stored < 4 then return -2 end
local time = redis.call('TIME')
local expiry = struct.unpack('>I4', stored)
if expiry <= tonumber(time[1]) then return -2 end
return math.ceil(expiry * 1e3 - time[1] * 1e3 - time[2] / 1e3)
`,
);

export const CACHE_COMPARE_AND_SET: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-compare-and-set",
  `--[[ cache-compare-and-set: replaces or deletes an entry, if it has the expected value.

     KEYS[1]  the entry, a string
     KEYS[2]  its lease, to be ended; omitted if it stays
     ARGV[1]  the expected value
     ARGV[2]  the new value; omitted to delete
     ARGV[3]  its time to live, ms, at least 1; empty for no expiry

     Result: 1 done; 0 if the entry has another value, or there is none.
     Keeps: an entry that another caller has changed meanwhile stays as it is.
     Cost: O(length of the values); one slot. ]]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if not ARGV[2] then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
if KEYS[2] then redis.call('DEL', KEYS[2]) end
return 1
`,
);

export const CACHE_ENSURE: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-ensure",
  `--[[ cache-ensure: stores a value if there is none; an existing one stays, and lives at least as
     long.

     KEYS[1]  the entry, a string
     ARGV[1]  the value
     ARGV[2]  time to live, ms, at least 1; empty for no expiry

     Result: the existing value, or nil if the new one was stored.
     Keeps: of concurrent callers, one stores, and the others get its value.
     Cost: O(length of the values); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored then
  if ARGV[2] == '' then
    redis.call('SET', KEYS[1], ARGV[1])
  else
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  end
  return false
end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and ARGV[2] == '' then
  redis.call('PERSIST', KEYS[1])
elseif left >= 0 and left < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return stored
`,
);

export const CACHE_FILL: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-fill",
  `--[[ cache-fill: stores the value that the holder of the lease has loaded, and ends the lease.

     KEYS[1]  the entry, a string
     KEYS[2]  the lease; see cache-lease
     ARGV[1]  the caller's token
     ARGV[2]  the value
     ARGV[3]  its time to live, ms, at least 1; empty for no expiry
     ARGV[4]  the value that the caller has seen, or its beginning; omitted if there was none

     Result: 1 stored; else the existing value, or nil.
     Keeps: neither a delete nor a newer value is undone by a load that began before it.
     Cost: O(length of the values); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if string.match(redis.call('GET', KEYS[2]) or '', '^%S*') ~= ARGV[1] then return stored end
if stored and (not ARGV[4] or string.sub(stored, 1, #ARGV[4]) ~= ARGV[4]) then
  redis.call('DEL', KEYS[2])
  return stored
end
-- First of the writes, since a server without memory refuses it.
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('DEL', KEYS[2])
return 1
`,
);

export const CACHE_INCR: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-incr",
  `--[[ cache-incr: adds to an integer.

     KEYS[1]  the entry, a string
     KEYS[2]  its lease, to be ended when an entry is begun; omitted if it stays
     ARGV[1]  the addend, an integer of 64 bits in digits
     ARGV[2]  lower bound of the result, an integer in digits; empty for no bound
     ARGV[3]  value to store if there is no entry, an integer in digits; omitted if none is begun
     ARGV[4]  its time to live, ms, at least 1; empty for no expiry

     Result: the sum, or the value begun with, as text; 0 if the value is no integer or the sum
     leaves 64 bits; nil if there is no entry.
     Keeps: the time to live of an existing entry. The sum is read back as text since a number of
     Lua is exact up to 2^53 only.
     Cost: O(1); one slot. ]]
if redis.call('EXISTS', KEYS[1]) == 1 then
  local result = redis.pcall('INCRBY', KEYS[1], ARGV[1])
  if type(result) == 'number' then
    local least = tonumber(ARGV[2])
    if least and result < least then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
    return redis.call('GET', KEYS[1])
  end
  local isNoSum = string.find(result.err, 'not an integer', 1, true) or string.find(result.err, 'overflow', 1, true)
  return isNoSum and 0 or result
end
if not ARGV[3] then return false end
if ARGV[4] == '' then
  redis.call('SET', KEYS[1], ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
if KEYS[2] then redis.call('DEL', KEYS[2]) end
return ARGV[3]
`,
);

export const CACHE_LEASE: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-lease",
  `--[[ cache-lease: takes the lease on an entry, or extends it.

     KEYS[1]  the entry, a string
     KEYS[2]  the lease, a string of three words: the token of the loading caller; the number of
              recent loads that ended without a value; its afterlife, ms, and "w" if others wait.
              After such a load, for a moment, the token is empty.
     ARGV[1]  the caller's token
     ARGV[2]  time for which the lease is kept, ms, at least 1
     ARGV[3]  its afterlife, ms: once no more than that is left, others may take it
     ARGV[4]  the value that the caller has seen, or its beginning; omitted if there was none

     Result: -1 leased; the number of loads that ended without a value if another caller has the
     lease; the stored value if it is not the seen one.
     Keeps: one lease at a time, and none of the caller's over a value that is newer than the seen
     one.
     Cost: O(length of the value); one slot. ]]
local stored = redis.call('GET', KEYS[1])
local lease = redis.call('GET', KEYS[2]) or ' 0 0'
local holder, ended, afterlife, waits = string.match(lease, '^(%S*) (%d+) (%d+)(w?)$')
if stored and (not ARGV[4] or string.sub(stored, 1, #ARGV[4]) ~= ARGV[4]) then
  if holder == ARGV[1] then redis.call('DEL', KEYS[2]) end
  return stored
end
if holder ~= '' and holder ~= ARGV[1] then
  local left = redis.call('PTTL', KEYS[2])
  if left > tonumber(afterlife) then
    if waits == '' then redis.call('SET', KEYS[2], lease .. 'w', 'PX', left) end
    return tonumber(ended)
  end
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ended .. ' ' .. ARGV[3] .. waits, 'PX', ARGV[2])
return -1
`,
);

export const CACHE_LOCK: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-lock",
  `--[[ cache-lock: takes a lock that is free, and a number for its holder.

     KEYS[1]  the fence, a string: the number of the last holder
     KEYS[2]  the lock, a string: the token of the holder; omitted if the caller holds it already
     ARGV[1]  time to live of the fence, ms, at least 1
     ARGV[2]  the caller's token
     ARGV[3]  time to live of the lock, ms, at least 1

     Result: the number, as text; nil if another caller has the lock.
     Keeps: numbers grow from holder to holder. They are microseconds of the server's clock, so they
     grow even if the fence has expired or was evicted, and, while it exists, even if the clock was
     put back.
     Cost: O(1); one slot. ]]
-- First of the writes, since a server without memory refuses it.
if KEYS[2] and not redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return false end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[1]) or 0)
local fence = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[1], fence, 'PX', ARGV[1])
return fence
`,
);

export const CACHE_PERSIST: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-persist",
  `--[[ cache-persist: removes the expiry of an entry.

     KEYS[1]  the entry

     Result: 1 if there is an entry, else 0. (PERSIST alone answers 0 for an entry that did not
     expire anyway.)
     Cost: O(1); one slot. ]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('PERSIST', KEYS[1])
return 1
`,
);

export const CACHE_RELEASE: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-release",
  `--[[ cache-release: ends a lease without a value.

     KEYS[1]  the lease; see cache-lease
     ARGV[1]  the caller's token
     ARGV[2]  time for which waiting callers can learn of it, ms, at least 1

     Result: 1 ended; 0 if the caller held none.
     Keeps: no caller ends the lease of another. Nothing is left if no caller waits.
     Cost: O(1); one slot. ]]
local lease = redis.call('GET', KEYS[1]) or ' 0 0'
local holder, ended, waits = string.match(lease, '^(%S*) (%d+) %d+(w?)$')
if holder ~= ARGV[1] then return 0 end
if waits == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], string.format(' %d 0w', ended + 1), 'PX', ARGV[2])
return 1
`,
);

export const CACHE_RENEW: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-renew",
  `--[[ cache-renew: extends the lease on an entry.

     KEYS[1]  the entry, a string
     KEYS[2]  the lease; see cache-lease
     ARGV[1]  the caller's token
     ARGV[2]  time for which the lease is kept from now on, ms, at least 1
     ARGV[3]  its afterlife, ms; see cache-lease
     ARGV[4]  the value that the caller has seen, or its beginning; omitted if there was none

     Result: 1 while the caller has the lease; else 0.
     Keeps: a lease that has ended is not taken again, and one on a value that is newer than the
     seen one ends.
     Cost: O(length of the value); one slot. ]]
local lease = redis.call('GET', KEYS[2]) or ''
if string.match(lease, '^%S*') ~= ARGV[1] then return 0 end
local stored = redis.call('GET', KEYS[1])
if stored and (not ARGV[4] or string.sub(stored, 1, #ARGV[4]) ~= ARGV[4]) then
  redis.call('DEL', KEYS[2])
  return 0
end
local renewed = string.gsub(lease, '%d+(w?)$', ARGV[3] .. '%1')
redis.call('SET', KEYS[2], renewed, 'PX', ARGV[2])
return 1
`,
);

export const CACHE_REPLACE_HEAD: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-replace-head",
  `--[[ cache-replace-head: replaces the beginning of an entry, and sets its time to live.

     KEYS[1]  the entry, a string
     ARGV[1]  its expected beginning
     ARGV[2]  the new beginning
     ARGV[3]  time to live, ms, at least 1; empty for no expiry

     Result: 1 done; 0 if the entry begins in another way, or there is none.
     Keeps: an entry that another caller has changed meanwhile stays as it is; the rest of the value
     stays as it is.
     Cost: O(length of the value); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored or string.sub(stored, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
local value = ARGV[2] .. string.sub(stored, #ARGV[1] + 1)
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], value)
else
  redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
end
return 1
`,
);

export const CACHE_TAKE: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-take",
  `--[[ cache-take: reads an entry and deletes it.

     KEYS[1]  the entry, a string
     KEYS[2]  its lease, to be ended; omitted if that has been done

     Result: the value, or nil if there is no entry.
     Keeps: of concurrent callers, one gets the entry; no load that began before is stored.
     Cost: O(length of the value); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if KEYS[2] then redis.call('DEL', KEYS[2]) end
redis.call('DEL', KEYS[1])
return stored
`,
);

export const CACHE_TOUCH: RedisScript = /* @__PURE__ */ new RedisScript(
  "cache-touch",
  `--[[ cache-touch: sets the time to live of an entry that has no head, or returns the head.

     KEYS[1]  the entry, a string
     ARGV[1]  time to live, ms, at least 1; empty for no expiry

     Result: 1 if there is such an entry, 0 if there is none; if it begins with "~" and has a line
     end, everything up to that, and its remaining time to live in the form of PTTL.
     Keeps: an entry with a head is not changed; without one, nothing of its value leaves the
     server.
     Cost: O(1), with a head O(length of the value); one slot. ]]
if redis.call('GETRANGE', KEYS[1], 0, 0) == '~' then
  local stored = redis.call('GET', KEYS[1])
  local ending = string.find(stored, '\\n', 1, true)
  if ending then return { string.sub(stored, 1, ending), redis.call('PTTL', KEYS[1]) } end
end
if ARGV[1] ~= '' then return redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
-- PERSIST alone answers 0 for an entry that did not expire anyway.
redis.call('PERSIST', KEYS[1])
return redis.call('EXISTS', KEYS[1])
`,
);

export const SESSION_COMMIT: RedisScript = /* @__PURE__ */ new RedisScript(
  "session-commit",
  `--[[ session-commit: replaces a session record, if it is still the version that the writer has read.

     KEYS[1]  the record, a string
     ARGV[1]  first and ARGV[2] last position of the etag, as for string.sub: from 1, or negative
              from the end
     ARGV[3]  the etag
     ARGV[4]  the new record
     ARGV[5]  time to live, ms, at least 1

     Result: 1 committed; the stored record if it is another version; nil if there is none.
     Keeps: a commit never creates a record (no resurrection) and never overwrites another writer's
     (no lost update).
     Cost: O(length of the record); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored then return false end
if string.sub(stored, ARGV[1], ARGV[2]) ~= ARGV[3] then return stored end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
return 1
`,
);

export const SESSION_DELETE_IF_MATCH: RedisScript = /* @__PURE__ */ new RedisScript(
  "session-delete-if-match",
  `--[[ session-delete-if-match: deletes a session record, if it is still the version that the caller
     has read.

     KEYS[1]  the record, a string
     ARGV[1]  first and ARGV[2] last position of the etag, as for string.sub: from 1, or negative
              from the end
     ARGV[3]  the etag

     Result: 1 deleted; the stored record if it is another version; nil if there is none.
     Keeps: a writer that undoes its own record never deletes one that another has committed since.
     Cost: O(length of the record); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored then return false end
if string.sub(stored, ARGV[1], ARGV[2]) ~= ARGV[3] then return stored end
redis.call('DEL', KEYS[1])
return 1
`,
);

export const SESSION_TOUCH: RedisScript = /* @__PURE__ */ new RedisScript(
  "session-touch",
  `--[[ session-touch: sets the time to live of a session record, if it is still the version that the
     caller has read.

     KEYS[1]  the record, a string
     ARGV[1]  first and ARGV[2] last position of the etag, as for string.sub: from 1, or negative
              from the end
     ARGV[3]  the etag
     ARGV[4]  time to live, ms, at least 1

     Result: 1 done; the stored record if it is another version; nil if there is none.
     Keeps: a touch never shortens or lengthens the life of a record that another writer has just
     committed.
     Cost: O(length of the record); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored then return false end
if string.sub(stored, ARGV[1], ARGV[2]) ~= ARGV[3] then return stored end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
`,
);

export const TOMBSTONE_ADD: RedisScript = /* @__PURE__ */ new RedisScript(
  "tombstone-add",
  `--[[ tombstone-add: stores a tombstone under a name that has none.

     KEYS[1]  the tombstone, a string
     ARGV[1]  its text
     ARGV[2]  time to live, ms, at least 1

     Result: the existing text, or nil if the new one was stored.
     Keeps: of concurrent callers, one stores, and the others get its text. An existing tombstone
     keeps its time to live.
     Cost: O(1); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if stored then return stored end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
`,
);

export const USER_INDEX_ADD: RedisScript = /* @__PURE__ */ new RedisScript(
  "user-index-add",
  `--[[ user-index-add: lists a session of a user, and returns which others have to make room.

     KEYS[1]  the user's list, a sorted set: session key -> expiry of its entry, epoch ms; below
              zero if it has to make room, and 1e15 more while it waits to replace another one
     KEYS[2]  details, a hash: session key -> created|last seen|device (times in epoch ms), and
              epoch
     ARGV[1]  the session's key and ARGV[2] its details
     ARGV[3]  expiry of its entry, epoch ms
     ARGV[4]  now, epoch ms
     ARGV[5]  time by which an entry outlives its record, ms
     ARGV[6]  maximum number of sessions of the user, this one included; 0: no limit
     ARGV[7]  key of the session that this one replaces, or empty: it is not counted, and does not
              make room
     ARGV[8]  maximum number of sessions that have to make room
     ARGV[9]  number of those expiring first among which the oldest are looked for
     ARGV[10]  1 if the session waits to replace another one: it makes no other make room, nor does
               so itself

     Result: the user's epoch (empty until the first revocation), then the keys that have to make
     room.
     Keeps: of concurrent additions, no more than the allowed number count. Sessions that have to
     make room stay listed.
     Cost: O(log(sessions of the user) + ARGV[9]), and 100 entries to drop at most; one slot. ]]
local list, details = KEYS[1], KEYS[2]
local key, replaces = ARGV[1], ARGV[7]
local now, most = tonumber(ARGV[4]), tonumber(ARGV[6])
local live = now + tonumber(ARGV[5])
local range, waiting = '(' .. string.format('%.0f', live), 1e15
local counted = '(' .. string.format('%.0f', waiting)

local function drop(from, to)
  local over = redis.call('ZRANGEBYSCORE', list, string.format('%.0f', from), string.format('%.0f', to), 'LIMIT', 0, 50)
  if #over == 0 then return end
  redis.call('ZREM', list, unpack(over))
  redis.call('HDEL', details, unpack(over))
end

local function keep(name)
  local ttl = math.max(1, tonumber(ARGV[3]) - now)
  if redis.call('PTTL', name) < ttl then redis.call('PEXPIRE', name, string.format('%.0f', ttl)) end
end

local function isLive(member)
  local score = redis.call('ZSCORE', list, member)
  return score and tonumber(score) > live and tonumber(score) < waiting
end

local function excess()
  local others = redis.call('ZCOUNT', list, range, counted)
  if isLive(key) then others = others - 1 end
  if replaces ~= '' and isLive(replaces) then others = others - 1 end
  return others + 1 - most
end

local function candidates()
  local found = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', list, range, counted, 'LIMIT', 0, ARGV[9] + 2)) do
    if member ~= key and member ~= replaces then found[#found + 1] = member end
  end
  if #found == 0 then return found end
  local texts = redis.call('HMGET', details, unpack(found))
  for at = 1, #found do
    local created = texts[at] and string.match(texts[at], '^(%d+)|') or 0
    found[at] = { key = found[at], created = tonumber(created) }
  end
  table.sort(found, function(left, right)
    if left.created == right.created then return left.key < right.key end
    return left.created < right.created
  end)
  return found
end

local isWaiting = ARGV[10] == '1'
drop(0, now)
drop(waiting, waiting + now)
redis.call('ZADD', list, string.format('%.0f', tonumber(ARGV[3]) + (isWaiting and waiting or 0)), key)
redis.call('HSET', details, key, ARGV[2])
keep(list)
keep(details)

local surplus = most > 0 and not isWaiting and excess() or 0
if surplus > 0 then
  local oldest = candidates()
  for at = 1, math.min(surplus, #oldest, tonumber(ARGV[8])) do
    local score = redis.call('ZSCORE', list, oldest[at].key)
    redis.call('ZADD', list, '-' .. score, oldest[at].key)
  end
end

local result = { redis.call('HGET', details, 'epoch') or '' }
for _, member in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', '(0', 'LIMIT', 0, ARGV[8])) do
  if member ~= replaces then result[#result + 1] = member end
end
return result
`,
);

export const USER_INDEX_CHECK: RedisScript = /* @__PURE__ */ new RedisScript(
  "user-index-check",
  `--[[ user-index-check: returns the facts that the creator of a session checks once the record is
     there.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV[1]  the session's key

     Result: the user's epoch, and 1 if the session is listed and does not have to make room, else
     0.
     Cost: O(1); one slot. ]]
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
local isListed = score and tonumber(score) >= 0
return { redis.call('HGET', KEYS[2], 'epoch') or '', isListed and 1 or 0 }
`,
);

export const USER_INDEX_PAGE: RedisScript = /* @__PURE__ */ new RedisScript(
  "user-index-page",
  `--[[ user-index-page: returns a part of a user's list, those that expire last first.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV[1]  expiry of the last entry of the previous page and ARGV[2] its key, or both empty: from
              the beginning
     ARGV[3]  and ARGV[4]  the same of the last entry of the part, or both empty: up to the end of
              the list
     ARGV[5]  number of entries

     Result: session key, expiry of its entry, details (empty if they are not known), and so on.
     Keeps: entries that are added, renewed or removed between two pages do not duplicate or hide
     any other.
     Cost: O(log(sessions of the user)^2 + ARGV[5]); one slot. ]]
local list = KEYS[1]

-- Returns where the entries after the last one of the previous page begin. Of those that expire
-- together with it, those with greater keys have been returned; the last one itself may be gone.
local function begin(score, member)
  local first = redis.call('ZCOUNT', list, '(' .. score, '+inf')
  local last = first + redis.call('ZCOUNT', list, score, score)
  while first < last do
    local middle = math.floor((first + last) / 2)
    if redis.call('ZREVRANGE', list, middle, middle)[1] < member then
      last = middle
    else
      first = middle + 1
    end
  end
  return first
end

local first = ARGV[2] == '' and 0 or begin(ARGV[1], ARGV[2])
local last = first + ARGV[5] - 1
if ARGV[4] ~= '' then last = math.min(last, begin(ARGV[3], ARGV[4]) - 1) end
if last < first then return {} end
local found = redis.call('ZREVRANGE', list, first, last, 'WITHSCORES')
if #found == 0 then return {} end

local keys = {}
for at = 1, #found, 2 do
  keys[#keys + 1] = found[at]
end
local details = redis.call('HMGET', KEYS[2], unpack(keys))
local result = {}
for at = 1, #keys do
  result[#result + 1] = keys[at]
  result[#result + 1] = found[2 * at]
  result[#result + 1] = details[at] or ''
end
return result
`,
);

export const USER_INDEX_PUT: RedisScript = /* @__PURE__ */ new RedisScript(
  "user-index-put",
  `--[[ user-index-put: lists a session of a user, or renews its entry.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV[1]  the session's key
     ARGV[2]  time of its creation and ARGV[3] of its last activity, epoch ms
     ARGV[4]  its device, or empty: the known one stays
     ARGV[5]  expiry of its entry, epoch ms
     ARGV[6]  now, epoch ms

     Result: 1.
     Keeps: an entry never expires earlier than without this. A session that had to make room, or
     waited, is counted.
     Cost: O(log(sessions of the user)); one slot. ]]
local list, details = KEYS[1], KEYS[2]
local created, device = tonumber(ARGV[2]), ARGV[4]
local text = redis.call('HGET', details, ARGV[1])
if text then
  local old, label = string.match(text, '^(%d+)|%d+|(.*)$')
  if old then created = math.min(created, tonumber(old)) end
  if device == '' and label then device = label end
end

local score = redis.call('ZSCORE', list, ARGV[1])
local ends = math.max(tonumber(ARGV[5]), score and math.abs(tonumber(score)) % 1e15 or 0)
redis.call('ZADD', list, string.format('%.0f', ends), ARGV[1])
redis.call('HSET', details, ARGV[1], string.format('%.0f', created) .. '|' .. ARGV[3] .. '|' .. device)

local ttl = math.max(1, ends - tonumber(ARGV[6]))
for _, name in ipairs(KEYS) do
  if redis.call('PTTL', name) < ttl then redis.call('PEXPIRE', name, string.format('%.0f', ttl)) end
end
return 1
`,
);

export const USER_INDEX_REMOVE: RedisScript = /* @__PURE__ */ new RedisScript(
  "user-index-remove",
  `--[[ user-index-remove: removes sessions from a user's list.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV     session key and expiry of its entry, or empty for any expiry, and so on

     Result: 1.
     Keeps: an entry that was renewed meanwhile stays.
     Cost: O(sessions to remove * log(sessions of the user)); one slot. ]]
for at = 1, #ARGV, 2 do
  local key, ends = ARGV[at], ARGV[at + 1]
  local score = redis.call('ZSCORE', KEYS[1], key)
  if ends == '' or (score and math.abs(tonumber(score)) % 1e15 == tonumber(ends)) then
    redis.call('ZREM', KEYS[1], key)
    redis.call('HDEL', KEYS[2], key)
  end
end
return 1
`,
);

export const USER_INDEX_REPLACE: RedisScript = /* @__PURE__ */ new RedisScript(
  "user-index-replace",
  `--[[ user-index-replace: removes a session from a user's list, and counts the entry that waits to
     replace it.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV[1]  the key of the replaced session and ARGV[2] of the one that replaces it

     Result: 1.
     Cost: O(log(sessions of the user)); one slot. ]]
local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[2]) or 0)
if score >= 1e15 then redis.call('ZADD', KEYS[1], string.format('%.0f', score - 1e15), ARGV[2]) end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
`,
);

export const USER_INDEX_REVOKE: RedisScript = /* @__PURE__ */ new RedisScript(
  "user-index-revoke",
  `--[[ user-index-revoke: gives a user another epoch.

     KEYS[1]  details of the user's list; see user-index-add
     ARGV[1]  the new epoch
     ARGV[2]  minimum time for which it is kept, ms: longer than any creation of a session takes

     Result: 1.
     Cost: O(1); one slot. ]]
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
`,
);
