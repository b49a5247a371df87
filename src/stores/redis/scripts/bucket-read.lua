--[[ bucket-read: returns a session record, if it has not expired.

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
