--[[ cache-incr: adds to an integer.

     KEYS[1]  the entry, a string
     KEYS[2]  its lease, to be ended when an entry is begun; omitted if it stays
     ARGV[1]  the addend, an integer of 64 bits in digits
     ARGV[2]  lower bound of the result, an integer in digits; empty for no bound
     ARGV[3]  value to store if there is no entry, an integer in digits; omitted if none is begun
     ARGV[4]  its time to live, ms, at least 1; empty for no expiry

     Result: the sum, or the value begun with, as text; 0 if the value is no integer or the sum
     leaves 64 bits; nil if there is no entry.
     Keeps: the time to live of an existing entry. The sum is read back as text since a number of
     Lua is exact up to 2^53 only.
     Cost: O(1); one slot. ]]
if redis.call('EXISTS', KEYS[1]) == 1 then
  local result = redis.pcall('INCRBY', KEYS[1], ARGV[1])
  if type(result) == 'number' then
    local least = tonumber(ARGV[2])
    if least and result < least then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
    return redis.call('GET', KEYS[1])
  end
  local isNoSum = string.find(result.err, 'not an integer', 1, true) or string.find(result.err, 'overflow', 1, true)
  return isNoSum and 0 or result
end
if not ARGV[3] then return false end
if ARGV[4] == '' then
  redis.call('SET', KEYS[1], ARGV[3])
else
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
if KEYS[2] then redis.call('DEL', KEYS[2]) end
return ARGV[3]
