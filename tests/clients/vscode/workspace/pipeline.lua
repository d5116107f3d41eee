-- Words flow through coroutines: each stage waits for the one before it.

local text = "the quick brown fox jumps over the lazy dog"

local function words(source)
  local function split()
    for word in source:gmatch("%a+") do
      coroutine.yield(word)
    end
  end
  return coroutine.wrap(split)
end

local function longer_than(length, stage)
  local function filter()
    for word in stage do
      if #word > length then coroutine.yield(word) end
    end
  end
  return coroutine.wrap(filter)
end

local function longest(stage)
  local best, seen = "", {}
  for word in stage do
    seen[#seen + 1] = word
    if #word > #best then best = word end
  end
  return best, seen
end

print(longest(longer_than(3, words(text))))
