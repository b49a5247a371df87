--[[ cache-release: ends a lease without a value.

     KEYS[1]  the lease; see cache-lease
     ARGV[1]  the caller's token
     ARGV[2]  for how long those who wait can hear of it, ms, at least 1

     Result: 1 ended; 0 when there was none of the caller's.
     Keeps: nobody ends the lease of another. Where nobody waits, nothing is left.
     Cost: O(1); one slot. ]]
local lease = redis.call('GET', KEYS[1]) or ' 0 0'
local holder, ended, waits = string.match(lease, '^(%S*) (%d+) %d+(w?)$')
if holder ~= ARGV[1] then return 0 end
if waits == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], string.format(' %d 0w', ended + 1), 'PX', ARGV[2])
return 1
