#!lua flags=allow-oom
-- A page of a channel's history, with the position it was read at. A stream gets its epoch by this.
--
-- KEYS  state, stream, generation, names
-- ARGV  see `RedisBroker._read`
-- Gives {epoch, top, oldest, entries, whether it ended for its size}.

local state, stream, generation, names = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, after, limit, max_bytes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local reverse, max_age, idle, fresh = ARGV[5] == '1', tonumber(ARGV[6]), ARGV[7], ARGV[8]

local epoch, top, total, floor, since = stand(state, stream, generation, names, channel, fresh, idle, 'by')
redis.call('PEXPIRE', stream, idle)

if max_age >= 0 and since <= now - max_age then
  while true do
    local offset, before, at = oldest_of(stream)
    if not offset then break end
    floor, since = before, at
    if since > now - max_age then break end
    drop(stream, offset)
  end
  redis.call('HSET', state, 'floor', string.format('%.0f', floor), 'since', string.format('%.0f', since))
end

local length = redis.call('XLEN', stream)
local page = {epoch, top, top - length + 1, {}, 0}
if limit == 0 or length == 0 then return page end

-- As many at a time as their average size promises to fit.
local average = math.max((total - floor) / length, 1)
local step = math.max(1, math.min(1000, math.floor(max_bytes / average) + 1))
local entries, size, edge = page[4], 0, nil
if after >= 0 then edge = string.format('%.0f', reverse and after - 1 or after + 1) end
if reverse and after == 0 then return page end
while #entries < limit do
  local count = math.min(step, limit - #entries)
  local found
  if reverse then
    found = redis.call('XREVRANGE', stream, edge or '+', '-', 'COUNT', count)
  else
    found = redis.call('XRANGE', stream, edge or '-', '+', 'COUNT', count)
  end
  for _, entry in ipairs(found) do
    size = size + #entry[2][2] + #entry[2][6]
    if size > max_bytes and #entries > 0 then
      page[5] = 1
      return page
    end
    entries[#entries + 1] = entry
  end
  if #found < count then break end
  local last = tonumber(string.match(entries[#entries][1], '^%d+'))
  edge = string.format('%.0f', reverse and last - 1 or last + 1)
  if reverse and last == 1 then break end
end
return page
