--[[ cache-ensure: stores a value if there is none; an existing one stays, and lives at least as
     long.

     KEYS[1]  the entry, a string
     ARGV[1]  the value
     ARGV[2]  time to live, ms, at least 1; empty for no expiry

     Result: the existing value, or nil if the new one was stored.
     Keeps: of concurrent callers, one stores, and the others get its value.
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
