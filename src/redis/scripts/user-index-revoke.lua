--[[ user-index-revoke: gives a user another epoch, and tells who is listed at that moment.

     KEYS[1]  the user's list; see user-index-add
     ARGV[1]  the new epoch
     ARGV[2]  how long the list is kept at least, ms: longer than any creation of a session takes

     Result: session key, entry, session key, entry, ...
     Keeps: a session that is added later finds the new epoch, one that was added before is in the result.
     Cost: O(sessions of the user); one slot. ]]
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('HGETALL', KEYS[1])
