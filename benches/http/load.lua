-- wrk … -- FILE ROUTE CREDENTIALS
-- FILE has a line per tenant: its id, an access token, ids of its items.

local requests = {}

function init(args)
  local file, route, credentials = args[1], args[2], args[3]
  for line in io.lines(file) do
    local words = line:gmatch("%S+")
    local tenant, token = words(), words()
    local headers = {}
    if credentials == "token" then
      headers["Authorization"] = "Bearer " .. token
    else
      headers["X-Tenant-ID"] = tenant
    end
    if route == "item" then
      for id in words do
        requests[#requests + 1] = wrk.format("GET", "/v1/bench/items/" .. id, headers)
      end
    else
      requests[#requests + 1] = wrk.format("GET", "/v1/bench/items", headers)
    end
  end
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format("RESULT %d %d %d %d %d %d",
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(95), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
