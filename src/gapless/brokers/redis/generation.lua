#!lua flags=allow-oom
-- Note which run of the server the data has come to. It differs: what was there may be older.
--
-- KEYS  generation
-- ARGV  the server's run_id

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1])
  return 1
end
return 0
