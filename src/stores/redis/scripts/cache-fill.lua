--[[ cache-fill: stores the value that the holder of the lease has loaded, and ends the lease.

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
