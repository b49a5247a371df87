--[[ user-index-replace: removes a session from a user's list, and counts the entry that waits to
     replace it.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV[1]  the key of the replaced session and ARGV[2] of the one that replaces it

     Result: 1.
     Cost: O(log(sessions of the user)); one slot. ]]
local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[2]) or 0)
if score >= 1e15 then redis.call('ZADD', KEYS[1], string.format('%.0f', score - 1e15), ARGV[2]) end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
