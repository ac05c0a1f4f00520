-- Whether the index lacks entries, because somebody deleted it or took some out. meta's field `indexed` says how many it
-- has by all that our scripts put in and took out; `reindex` says how far those that are missing have been put back.

-- `known`: that field's text; `reindexing`: the other's; `last`: the last id.
local function lacks_entries(card, known, reindexing, last)
  return last > 0 and (reindexing or card < (whole(known) or card + 1)) and true or false
end

-- After so many entries were added, or fewer by so many when below 0. `known` as above.
local function count_indexed(meta, known, more)
  if more ~= 0 and whole(known) then redis.call('HINCRBY', meta, 'indexed', more) end
end
