-- What wrk sends: chat completions of a hundred customers in turn. Arguments: the key, "plain",
-- "streamed" or "burst", and what the customers' ids begin with. The last line it prints is JSON,
-- for wrk.ts.

local CUSTOMERS = 100
local requests = {}
local at = 0

function init(arguments)
  local key, mode, prefix = arguments[1], arguments[2], arguments[3]
  local headers = {
    ["Authorization"] = "Bearer " .. key,
    ["Content-Type"] = "application/json",
  }
  local model = mode == "burst" and "gpt-4o-mini-burst" or "gpt-4o-mini"
  local stream = mode == "plain" and "" or '"stream":true,'
  for number = 1, CUSTOMERS do
    local body = string.format(
      '{"model":"%s",%s"user":"%s-%03d","messages":[' ..
        '{"role":"system","content":"You are a helpful assistant."},' ..
        '{"role":"user","content":"Tell me about toll gates, in about fifty words."}]}',
      model, stream, prefix, number)
    requests[number] = wrk.format("POST", "/v1/chat/completions", headers, body)
  end
end

function request()
  at = at % CUSTOMERS + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,' ..
      '"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
