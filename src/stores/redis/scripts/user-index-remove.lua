--[[ user-index-remove: removes sessions from a user's list.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV     session key and expiry of its entry, or empty for any expiry, and so on

     Result: 1.
     Keeps: an entry that was renewed meanwhile stays.
     Cost: O(sessions to remove * log(sessions of the user)); one slot. ]]
for at = 1, #ARGV, 2 do
  local key, ends = ARGV[at], ARGV[at + 1]
  local score = redis.call('ZSCORE', KEYS[1], key)
  if ends == '' or (score and math.abs(tonumber(score)) % 1e15 == tonumber(ends)) then
    redis.call('ZREM', KEYS[1], key)
    redis.call('HDEL', KEYS[2], key)
  end
end
return 1
