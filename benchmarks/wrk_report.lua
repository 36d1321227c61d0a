-- wrk calls this once at the end. One exact line, because wrk's own report rounds and changes its units.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'report {"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
