--[[ cache-take: reads an entry and deletes it.

     KEYS[1]  the entry, a string
     KEYS[2]  its lease, to be ended; omitted if that has been done

     Result: the value, or nil if there is no entry.
     Keeps: of concurrent callers, one gets the entry; no load that began before is stored.
     Cost: O(length of the value); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if KEYS[2] then redis.call('DEL', KEYS[2]) end
redis.call('DEL', KEYS[1])
return stored
