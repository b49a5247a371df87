--[[ cache-lease: takes the lease on an entry, or extends it.

     KEYS[1]  the entry, a string
     KEYS[2]  the lease, a string of three words: the token of the loading caller; the number of
              recent loads that ended without a value; its afterlife, ms, and "w" if others wait.
              After such a load, for a moment, the token is empty.
     ARGV[1]  the caller's token
     ARGV[2]  time for which the lease is kept, ms, at least 1
     ARGV[3]  its afterlife, ms: once no more than that is left, others may take it
     ARGV[4]  the value that the caller has seen, or its beginning; omitted if there was none

     Result: -1 leased; the number of loads that ended without a value if another caller has the
     lease; the stored value if it is not the seen one.
     Keeps: one lease at a time, and none of the caller's over a value that is newer than the seen
     one.
     Cost: O(length of the value); one slot. ]]
local stored = redis.call('GET', KEYS[1])
local lease = redis.call('GET', KEYS[2]) or ' 0 0'
local holder, ended, afterlife, waits = string.match(lease, '^(%S*) (%d+) (%d+)(w?)$')
if stored and (not ARGV[4] or string.sub(stored, 1, #ARGV[4]) ~= ARGV[4]) then
  if holder == ARGV[1] then redis.call('DEL', KEYS[2]) end
  return stored
end
if holder ~= '' and holder ~= ARGV[1] then
  local left = redis.call('PTTL', KEYS[2])
  if left > tonumber(afterlife) then
    if waits == '' then redis.call('SET', KEYS[2], lease .. 'w', 'PX', left) end
    return tonumber(ended)
  end
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ended .. ' ' .. ARGV[3] .. waits, 'PX', ARGV[2])
return -1
