--[[ cache-ensure: stores a value where none is; what is there stays, and lives at least as long.

     KEYS[1]  the entry, a string
     ARGV[1]  the value
     ARGV[2]  time to live, ms, at least 1; empty for no expiry

     Result: the value that was there, or nil when the new one was stored.
     Keeps: of all who do this at the same time, one stores, and the others get its value.
     Cost: O(length of the values); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored then
  if ARGV[2] == '' then
    redis.call('SET', KEYS[1], ARGV[1])
  else
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  end
  return false
end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and ARGV[2] == '' then
  redis.call('PERSIST', KEYS[1])
elseif left >= 0 and left < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return stored
