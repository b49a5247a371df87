--[[ session-commit: replaces a session record, if it is still the version that the writer has read.

     KEYS[1]  the record, a string
     ARGV[1]  first and ARGV[2] last position of the etag, as for string.sub: from 1, or negative
              from the end
     ARGV[3]  the etag
     ARGV[4]  the new record
     ARGV[5]  time to live, ms, at least 1

     Result: 1 committed; the stored record if it is another version; nil if there is none.
     Keeps: a commit never creates a record (no resurrection) and never overwrites another writer's
     (no lost update).
     Cost: O(length of the record); one slot. ]]
local stored = redis.call('GET', KEYS[1])
if not stored then return false end
if string.sub(stored, ARGV[1], ARGV[2]) ~= ARGV[3] then return stored end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
return 1
