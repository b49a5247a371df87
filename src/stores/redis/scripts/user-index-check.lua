--[[ user-index-check: returns the facts that the creator of a session checks once the record is
     there.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV[1]  the session's key

     Result: the user's epoch, and 1 if the session is listed and does not have to make room, else
     0.
     Cost: O(1); one slot. ]]
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
local isListed = score and tonumber(score) >= 0
return { redis.call('HGET', KEYS[2], 'epoch') or '', isListed and 1 or 0 }
