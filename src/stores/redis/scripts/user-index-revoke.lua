--[[ user-index-revoke: gives a user another epoch.

     KEYS[1]  details of the user's list; see user-index-add
     ARGV[1]  the new epoch
     ARGV[2]  minimum time for which it is kept, ms: longer than any creation of a session takes

     Result: 1.
     Cost: O(1); one slot. ]]
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
