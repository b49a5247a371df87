--[[ bucket-ttl: returns the time to live of a session record.

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
