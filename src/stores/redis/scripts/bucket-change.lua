--[[ bucket-change: replaces, touches or deletes a session record, if it is still the version that
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
