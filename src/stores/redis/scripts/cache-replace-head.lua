--[[ cache-replace-head: replaces the beginning of an entry, and sets its time to live.

     KEYS[1]  the entry, a string
     ARGV[1]  its expected beginning
     ARGV[2]  the new beginning
     ARGV[3]  time to live, ms, at least 1; empty for no expiry

     Result: 1 done; 0 if the entry begins in another way, or there is none.
     Keeps: an entry that another caller has changed meanwhile stays as it is; the rest of the value
     stays as it is.
     Cost: O(length of the value); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored or string.sub(stored, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
local value = ARGV[2] .. string.sub(stored, #ARGV[1] + 1)
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], value)
else
  redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
end
return 1
