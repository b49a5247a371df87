--[[ cache-release: ends a lease without a value.

     KEYS[1]  the lease; see cache-lease
     ARGV[1]  the caller's token
     ARGV[2]  time for which waiting callers can learn of it, ms, at least 1

     Result: 1 ended; 0 if the caller held none.
     Keeps: no caller ends the lease of another. Nothing is left if no caller waits.
     Cost: O(1); one slot. ]]
local lease = redis.call('GET', KEYS[1]) or ' 0 0'
local holder, ended, waits = string.match(lease, '^(%S*) (%d+) %d+(w?)$')
if holder ~= ARGV[1] then return 0 end
if waits == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], string.format(' %d 0w', ended + 1), 'PX', ARGV[2])
return 1
