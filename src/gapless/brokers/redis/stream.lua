-- What publishing and reading have in common. It stands before both, in one script each.
--
-- An entry's id is OFFSET-TOTAL, TOTAL being the bytes, tags included, that were ever published up to and
-- with it: what lies between two entries is known without reading them. `floor` and `since` are the
-- total before, and the time of, an entry that is at least as old as the oldest kept; so the oldest
-- is looked at only when it may have to go.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- How a channel stands: epoch, top, total, floor, since, version, version_epoch, and where the node `by` does.
-- It has a new epoch where nothing proves that its numbers go on.
local function stand(state, stream, generation, names, channel, fresh, idle, by)
  local run = redis.call('GET', generation)
  if not run then
    run = fresh
    redis.call('SET', generation, run)
  end
  local known =
    redis.call('HMGET', state, 'epoch', 'run', 'top', 'total', 'floor', 'since', 'version', 'version_epoch', by)
  local epoch = known[1]
  if not epoch then
    redis.call('DEL', stream)
    redis.call('SADD', names, channel)
  end
  if not epoch or known[2] ~= run then
    epoch = fresh
    redis.call('HSET', state, 'epoch', epoch, 'run', run)
  end
  redis.call('PEXPIRE', state, idle)
  return epoch, tonumber(known[3]) or 0, tonumber(known[4]) or 0, tonumber(known[5]) or 0,
    tonumber(known[6]) or 0, known[7] or '0', known[8], known[9]
end

-- The oldest entry: its offset, the total before it, its time; nil when there is none.
local function oldest_of(stream)
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if not oldest then return nil end
  local offset, upto = string.match(oldest[1], '^(%d+)-(%d+)$')
  return tonumber(offset), upto - #oldest[2][2] - #oldest[2][6], tonumber(oldest[2][4])
end

local function drop(stream, offset)
  redis.call('XTRIM', stream, 'MINID', '=', string.format('%.0f', offset + 1))
end
