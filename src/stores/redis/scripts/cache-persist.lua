--[[ cache-persist: removes the expiry of an entry.

     KEYS[1]  the entry

     Result: 1 if there is an entry, else 0. (PERSIST alone answers 0 for an entry that did not
     expire anyway.)
     Cost: O(1); one slot. ]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('PERSIST', KEYS[1])
return 1
