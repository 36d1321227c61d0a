// http-proxy behind Node's own server. Run as `node http_proxy.js SETTINGS`.
'use strict'

const { addFields, agent, dropConnectionFields, load, openLog, refuse, serve, settings } = require('./common.js')

const proxy = load('http-proxy').createProxyServer({ target: settings.upstream, agent, xfwd: false })
proxy.on('proxyReq', addFields)
proxy.on('proxyRes', dropConnectionFields)
proxy.on('error', refuse)

const log = openLog()

function writeLine (request, response, start) {
  log.write(JSON.stringify({
    time: new Date().toISOString(),
    id: response.getHeader('X-Request-Id'),
    client: request.socket.remoteAddress,
    method: request.method,
    target: request.url,
    protocol: request.httpVersion,
    host: request.headers.host,
    status: response.statusCode,
    response_bytes: Number(response.getHeader('Content-Length')),
    duration: performance.now() - start,
    upstream: settings.upstream,
    referrer: request.headers.referer,
    agent: request.headers['user-agent']
  }) + '\n')
}

serve((request, response) => {
  if (log) {
    const start = performance.now()
    response.on('finish', () => writeLine(request, response, start))
  }
  proxy.web(request, response)
})
