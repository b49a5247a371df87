--[[ cache-release: ends a lease without a value.

     KEYS[1]  the lease; see cache-lease
     ARGV[1]  the caller's token

     Result: 1 ended; 0 when there was none of the caller's.
     Keeps: nobody ends the lease of another.
     Cost: O(1); one slot. ]]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
