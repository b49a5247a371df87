--[[ user-index-list: tells who is listed. A script, since HGETALL itself answers with a map in RESP 3.

     KEYS[1]  the user's list; see user-index-add

     Result: session key, entry, session key, entry, ...
     Cost: O(sessions of the user); one slot. ]]
return redis.call('HGETALL', KEYS[1])
