--[[ tombstone-add: stores a tombstone under a name that has none.

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
