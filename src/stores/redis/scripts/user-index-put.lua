--[[ user-index-put: lists a session of a user, or renews its entry.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV[1]  the session's key
     ARGV[2]  time of its creation and ARGV[3] of its last activity, epoch ms
     ARGV[4]  its device, or empty: the known one stays
     ARGV[5]  expiry of its entry, epoch ms
     ARGV[6]  now, epoch ms

     Result: 1.
     Keeps: an entry never expires earlier than without this. A session that had to make room, or
     waited, is counted.
     Cost: O(log(sessions of the user)); one slot. ]]
local list, details = KEYS[1], KEYS[2]
local created, device = tonumber(ARGV[2]), ARGV[4]
local text = redis.call('HGET', details, ARGV[1])
if text then
  local old, label = string.match(text, '^(%d+)|%d+|(.*)$')
  if old then created = math.min(created, tonumber(old)) end
  if device == '' and label then device = label end
end

local score = redis.call('ZSCORE', list, ARGV[1])
local ends = math.max(tonumber(ARGV[5]), score and math.abs(tonumber(score)) % 1e15 or 0)
redis.call('ZADD', list, string.format('%.0f', ends), ARGV[1])
redis.call('HSET', details, ARGV[1], string.format('%.0f', created) .. '|' .. ARGV[3] .. '|' .. device)

local ttl = math.max(1, ends - tonumber(ARGV[6]))
for _, name in ipairs(KEYS) do
  if redis.call('PTTL', name) < ttl then redis.call('PEXPIRE', name, string.format('%.0f', ttl)) end
end
return 1
