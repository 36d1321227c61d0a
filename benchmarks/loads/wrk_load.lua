-- Arguments: the method, a file with the content to send, a file with one request target per line.
init = function(arguments)
  wrk.method = arguments[1]
  local content = io.open(arguments[2], "rb"):read("*a")
  if #content > 0 then wrk.body = content end
  local requests, next = {}, 0
  for target in io.lines(arguments[3]) do requests[#requests + 1] = wrk.format(nil, target) end
  -- With a single request there is no function to call for each one: wrk then sends it without entering Lua.
  if #requests > 1 then
    request = function()
      next = next % #requests + 1
      return requests[next]
    end
  end
end

-- wrk calls this once at the end. One exact line, because wrk's own report rounds and changes its units.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'report {"requests": %d, "duration_us": %d, "bytes": %d, "errors": %d, ' ..
    '"p50_us": %d, "p90_us": %d, "p95_us": %d, "p99_us": %d, "p999_us": %d}\n',
    summary.requests, summary.duration, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(95), latency:percentile(99),
    latency:percentile(99.9)))
end
