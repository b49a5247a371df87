--[[ user-index-put: lists a session of a user, or renews its entry.

     KEYS[1]  the user's list; see user-index-add
     ARGV[1]  the session's key and ARGV[2] its entry
     ARGV[3]  how long the list is kept at least, ms

     Result: 1.
     Cost: O(1); one slot. ]]
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
