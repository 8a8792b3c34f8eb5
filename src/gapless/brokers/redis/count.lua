#!lua
-- A node says how many connections of a user it has; with a limit, only if all nodes have no more.
--
-- KEYS  nodes, what this node has said
-- ARGV  node, user, count, limit or the empty string, milliseconds that it counts unless the node
--       says again that it lives, what the names begin with of what the others have said
-- Gives 1 when it was said. The others' keys are found in `nodes`, and lie in the same slot.

local node, user, count, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

if limit then
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  local all, sum = redis.call('HGETALL', KEYS[1]), count
  for at = 1, #all, 2 do
    if all[at] ~= node and (tonumber(string.match(all[at + 1], '^%d+') or '') or 0) > now then
      sum = sum + (tonumber(redis.call('HGET', ARGV[6] .. all[at], user)) or 0)
    end
  end
  if sum > limit then return 0 end
end

if count > 0 then
  redis.call('HSET', KEYS[2], user, count)
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
else
  redis.call('HDEL', KEYS[2], user)
end
return 1
