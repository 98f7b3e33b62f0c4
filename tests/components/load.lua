-- What every thread of the load does: mixed requests in an order of its own, each answer held against what this very request
-- had to get. One connection a thread, so that an answer always belongs to the last request. A thread that has its share of
-- answers writes down what it saw and stops.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("id", threads)
end

function init(args)
  folder, quota = args[1], tonumber(args[2])
  kinds = dofile(folder .. "/kinds.lua")[id]
  for _, kind in ipairs(kinds) do
    local headers = { Host = "portal.test", Accept = "application/json" }
    if kind.token then headers.Authorization = "Bearer " .. kind.token end
    kind.raw = wrk.format("GET", kind.path, headers)
    kind.answers = 0
  end
  math.randomseed(id)
  sent, answers, lost, wrong, examples = 0, 0, 0, 0, {}
end

function request()
  if id == 1 and not verified then -- wrk asks its first thread once, to see what requests look like, and sends nothing
    verified = true
    return kinds[1].raw
  end
  if sent > answers + lost then
    lost = lost + 1
    examples[#examples + 1] = current.name .. ": no answer, after " .. (before and before.name or "nothing")
  end
  before, current = current, kinds[math.random(#kinds)]
  sent = sent + 1
  return current.raw
end

function response(status, headers, body)
  answers = answers + 1
  current.answers = current.answers + 1
  if status ~= current.status or (current.body and body ~= current.body) then
    wrong = wrong + 1
    if #examples < 3 then
      examples[#examples + 1] = string.format("%s: %d instead of %d: %s", current.name, status, current.status, body:sub(1, 200))
    end
  end
  if answers == quota then
    local file = assert(io.open(folder .. "/thread-" .. id .. ".part", "w"))
    file:write("sent ", sent, "\nanswers ", answers, "\nwrong ", wrong, "\n")
    for _, kind in ipairs(kinds) do file:write("kind ", kind.name, " ", kind.answers, "\n") end
    for _, example in ipairs(examples) do file:write("example ", (example:gsub("%s+", " ")), "\n") end
    file:close()
    os.rename(folder .. "/thread-" .. id .. ".part", folder .. "/thread-" .. id .. ".txt")
    wrk.thread:stop()
  end
end
