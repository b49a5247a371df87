--[[ session-touch: sets the time to live of a session record, if it is still the version that the
     caller has read.

     KEYS[1]  the record, a string
     ARGV[1]  first and ARGV[2] last position of the etag, as for string.sub: from 1, or negative
              from the end
     ARGV[3]  the etag
     ARGV[4]  time to live, ms, at least 1

     Result: 1 done; the stored record if it is another version; nil if there is none.
     Keeps: a touch never shortens or lengthens the life of a record that another writer has just
     committed.
     Cost: O(length of the record); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored then return false end
if string.sub(stored, ARGV[1], ARGV[2]) ~= ARGV[3] then return stored end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
