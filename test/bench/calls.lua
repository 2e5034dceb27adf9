-- What wrk sends: chat completions of many customers in turn. Arguments: the key, a mode of
-- wrk.ts, what the customers' ids begin with, how many they are, whose turn it is, and further
-- headers as name=value. The last line it prints is JSON, for wrk.ts.

-- More customers than these are drawn, each request anew: their bodies would not fit in memory.
local KEPT = 10000

local requests = {}
local at = 0
local drawn = nil

-- A prompt of 100 KB, of different words, as a document is.
local function document()
  local words = {}
  for number = 1, 12800 do
    words[number] = string.format("w%06x", (number * 7919) % 0xffffff)
  end
  return table.concat(words, " ")
end

function init(arguments)
  local key, mode, prefix, customers = arguments[1], arguments[2], arguments[3], tonumber(arguments[4])
  local turn = arguments[5]
  local headers = {
    ["Authorization"] = "Bearer " .. key,
    ["Content-Type"] = "application/json",
  }
  for number = 6, #arguments do
    local name, value = arguments[number]:match("^([^=]+)=(.*)$")
    headers[name] = value
  end
  local model = mode == "burst" and "gpt-4o-mini-burst" or "gpt-4o-mini"
  local content = mode == "prompt" and document() or "Tell me about toll gates, in about fifty words."
  local function call(number)
    -- Of the mix, every fourth call is streamed.
    local streams = mode == "streamed" or mode == "burst" or (mode == "mixed" and number % 4 == 0)
    local body = string.format(
      '{"model":"%s",%s"user":"%s-%04d","messages":[' ..
        '{"role":"system","content":"You are a helpful assistant."},' ..
        '{"role":"user","content":"%s"}]}',
      model, streams and '"stream":true,' or "", prefix, number, content)
    return wrk.format("POST", "/v1/chat/completions", headers, body)
  end
  -- By rank: the first calls twice as often as the second, and a thousand times as the thousandth.
  local function pick()
    if turn == "by rank" then return math.floor(customers ^ math.random()) end
    return math.random(customers)
  end
  if customers > KEPT then
    drawn = function() return call(pick()) end
  else
    for number = 1, customers do requests[number] = call(number) end
    if turn == "by rank" then
      drawn = function() return requests[pick()] end
    end
  end
end

function request()
  if drawn then return drawn() end
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,' ..
      '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.connect, errors.read, errors.write, errors.status,
    errors.timeout))
end
