// What both proxies share: settings, the kept connections, and the fields that every peer adds.
'use strict'

const crypto = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const { createRequire } = require('node:module')
const path = require('node:path')

const settings = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))

// The packages are installed outside of this directory, so they are looked for from theirs.
const load = createRequire(path.join(settings.modules, 'package.json'))

const agent = new http.Agent({ keepAlive: true })

// Called with each request to the upstream before it is sent.
function addFields (proxyRequest, request, response) {
  // http-proxy passes the client's Connection field on; with it a client's `close` would end the kept connection.
  proxyRequest.setHeader('Connection', 'keep-alive')
  if (!settings.addsFields) return
  const id = crypto.randomUUID()
  const trace = id.replaceAll('-', '')
  const { host } = request.headers
  const client = request.socket.remoteAddress
  proxyRequest.setHeader('Via', '1.1 node')
  proxyRequest.setHeader('Forwarded', `for=${client};host="${host}";proto=http`)
  proxyRequest.setHeader('X-Forwarded-For', client)
  proxyRequest.setHeader('X-Forwarded-Proto', 'http')
  proxyRequest.setHeader('X-Forwarded-Host', host)
  proxyRequest.setHeader('X-Forwarded-Port', String(settings.port))
  proxyRequest.setHeader('X-Request-Id', id)
  proxyRequest.setHeader('traceparent', `00-${trace}-${trace.slice(0, 16)}-01`)
  response.setHeader('X-Request-Id', id)
}

// Called with each response of the upstream: whether its connection is kept is no concern of the client's.
function dropConnectionFields (upstreamResponse) {
  delete upstreamResponse.headers.connection
  delete upstreamResponse.headers['keep-alive']
}

// Answers what could not be forwarded; `response` is a socket when an upgrade failed.
function refuse (error, request, response) {
  if (response.headersSent || !response.writeHead) return response.destroy()
  response.writeHead(502)
  response.end(error.message)
}

function openLog () {
  return settings.accessLog ? fs.createWriteStream(settings.accessLog, { flags: 'a' }) : null
}

function serve (listener) {
  const server = http.createServer(listener)
  server.keepAliveTimeout = 75_000
  server.listen({ port: settings.port, host: '127.0.0.1', backlog: 4096 })
  process.on('SIGTERM', () => process.exit(0))
}

module.exports = { addFields, agent, dropConnectionFields, load, openLog, refuse, serve, settings }
