--[[ cache-lock: takes a lock that is free, and a number for its holder.

     KEYS[1]  the fence, a string: the number of the last holder
     KEYS[2]  the lock, a string: the token of the holder; omitted if the caller holds it already
     ARGV[1]  time to live of the fence, ms, at least 1
     ARGV[2]  the caller's token
     ARGV[3]  time to live of the lock, ms, at least 1

     Result: the number, as text; nil if another caller has the lock.
     Keeps: numbers grow from holder to holder. They are microseconds of the server's clock, so they
     grow even if the fence has expired or was evicted, and, while it exists, even if the clock was
     put back.
     Cost: O(1); one slot. ]]
-- First of the writes, since a server without memory refuses it.
if KEYS[2] and not redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return false end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[1]) or 0)
local fence = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[1], fence, 'PX', ARGV[1])
return fence
