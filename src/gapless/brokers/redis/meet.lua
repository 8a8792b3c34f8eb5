#!lua flags=allow-oom
-- A node says that it lives, and learns who else does.
--
-- KEYS  nodes, what this node has said of its users
-- ARGV  node, what it says of itself, milliseconds until it counts as gone (0: it is gone)
-- Gives node, what it says, and so on. What is kept is EXPIRES SAID.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if ARGV[3] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('DEL', KEYS[2])
else
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now + ARGV[3]) .. ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3] * 10)
end

local all, living = redis.call('HGETALL', KEYS[1]), {}
for at = 1, #all, 2 do
  local expires, begin = string.match(all[at + 1], '^(%d+) ()')
  if (tonumber(expires or '') or 0) > now then -- what no node has written lives no more
    living[#living + 1] = all[at]
    living[#living + 1] = string.sub(all[at + 1], begin)
  else
    redis.call('HDEL', KEYS[1], all[at])
  end
end
return living
