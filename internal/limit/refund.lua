-- Takes one event of each key back. KEYS as in take.lua.
for _, key in ipairs(KEYS) do
  local kept = redis.pcall('GET', key)
  if type(kept) == 'string' and #kept < 11 and string.find(kept, '^%d+$') and tonumber(kept) > 0 then
    redis.call('DECR', key)
  end
end
return {}
