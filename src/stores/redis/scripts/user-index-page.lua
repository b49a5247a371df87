--[[ user-index-page: returns a part of a user's list, those that expire last first.

     KEYS[1]  the user's list and KEYS[2] its details; see user-index-add
     ARGV[1]  expiry of the last entry of the previous page and ARGV[2] its key, or both empty: from
              the beginning
     ARGV[3]  and ARGV[4]  the same of the last entry of the part, or both empty: up to the end of
              the list
     ARGV[5]  number of entries

     Result: session key, expiry of its entry, details (empty if they are not known), and so on.
     Keeps: entries that are added, renewed or removed between two pages do not duplicate or hide
     any other.
     Cost: O(log(sessions of the user)^2 + ARGV[5]); one slot. ]]
local list = KEYS[1]

-- Returns where the entries after the last one of the previous page begin. Of those that expire
-- together with it, those with greater keys have been returned; the last one itself may be gone.
local function begin(score, member)
  local first = redis.call('ZCOUNT', list, '(' .. score, '+inf')
  local last = first + redis.call('ZCOUNT', list, score, score)
  while first < last do
    local middle = math.floor((first + last) / 2)
    if redis.call('ZREVRANGE', list, middle, middle)[1] < member then
      last = middle
    else
      first = middle + 1
    end
  end
  return first
end

local first = ARGV[2] == '' and 0 or begin(ARGV[1], ARGV[2])
local last = first + ARGV[5] - 1
if ARGV[4] ~= '' then last = math.min(last, begin(ARGV[3], ARGV[4]) - 1) end
if last < first then return {} end
local found = redis.call('ZREVRANGE', list, first, last, 'WITHSCORES')
if #found == 0 then return {} end

local keys = {}
for at = 1, #found, 2 do
  keys[#keys + 1] = found[at]
end
local details = redis.call('HMGET', KEYS[2], unpack(keys))
local result = {}
for at = 1, #keys do
  result[#result + 1] = keys[at]
  result[#result + 1] = found[2 * at]
  result[#result + 1] = details[at] or ''
end
return result
