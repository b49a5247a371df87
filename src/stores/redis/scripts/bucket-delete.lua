--[[ bucket-delete: deletes a session record.

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
