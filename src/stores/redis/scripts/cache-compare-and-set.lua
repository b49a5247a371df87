--[[ cache-compare-and-set: replaces or deletes an entry, if it has the expected value.

     KEYS[1]  the entry, a string
     KEYS[2]  its lease, to be ended; omitted if it stays
     ARGV[1]  the expected value
     ARGV[2]  the new value; omitted to delete
     ARGV[3]  its time to live, ms, at least 1; empty for no expiry

     Result: 1 done; 0 if the entry has another value, or there is none.
     Keeps: an entry that another caller has changed meanwhile stays as it is.
     Cost: O(length of the values); one slot. ]]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if not ARGV[2] then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
if KEYS[2] then redis.call('DEL', KEYS[2]) end
return 1
