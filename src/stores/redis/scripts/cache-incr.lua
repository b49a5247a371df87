--[[ cache-incr: adds to an integer that is there.

     KEYS[1]  the entry, a string
     ARGV[1]  what to add, an integer of 64 bits in digits

     Result: the sum, as text; 0 when the value is no integer or the sum leaves 64 bits; nil when there is no entry.
     Keeps: a missing counter is not begun, and the time to live stays. The sum is read back as text since a number of
     Lua is exact up to 2^53 only.
     Cost: O(1); one slot. ]]
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local result = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(result) == 'number' then return redis.call('GET', KEYS[1]) end
if string.find(result.err, 'not an integer', 1, true) or string.find(result.err, 'overflow', 1, true) then return 0 end
return result
