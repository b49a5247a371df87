--[[ bucket-create: stores a session record in a field that has none, or an expired one.

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
