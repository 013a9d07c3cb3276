-- Counts one event of each key, unless one of them has its most already: then of none.
-- KEYS     what is counted
-- ARGV     the window in ms, then the most of each key
-- Returns  the place of the key that has its most, else 0; the count of that key, else of
--          the last; the ms that are left of its window; the time here in ms
local window = tonumber(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local counts, lefts = {}, {}

for i, key in ipairs(KEYS) do
  local kept, count, left = redis.pcall('GET', key), 0, 0
  -- What is no count, or would not end with a window, is as nothing and is written over.
  if type(kept) == 'string' and #kept < 11 and string.find(kept, '^%d+$') then
    left = redis.call('PTTL', key)
    if left > 0 and left <= window then count = tonumber(kept) else left = 0 end
  end
  if count >= tonumber(ARGV[i + 1]) then return {i, count, left, now} end
  counts[i], lefts[i] = count, left
end

for i, key in ipairs(KEYS) do
  if lefts[i] > 0 then
    redis.call('INCR', key)
  else
    redis.call('SET', key, 1, 'PX', window)
    lefts[i] = window
  end
end
return {0, counts[#KEYS] + 1, lefts[#KEYS], now}
