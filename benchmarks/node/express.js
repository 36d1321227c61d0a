// Express with http-proxy-middleware and morgan, as an API gateway in Node usually begins. Run as `node express.js SETTINGS`.
'use strict'

process.env.NODE_ENV = 'production'

const { addFields, agent, dropConnectionFields, load, openLog, refuse, serve, settings } = require('./common.js')

const express = load('express')
const { createProxyMiddleware } = load('http-proxy-middleware')

const app = express()
app.disable('x-powered-by')

const log = openLog()
if (log) app.use(load('morgan')('combined', { stream: log }))

const proxy = createProxyMiddleware({
  target: settings.upstream,
  agent,
  xfwd: false,
  // Express cuts the mounted path off; what was asked is what is sent.
  pathRewrite: (path, request) => request.originalUrl,
  on: { proxyReq: addFields, proxyRes: dropConnectionFields, error: refuse }
})
if (settings.routes.length) {
  for (const route of settings.routes) app.use(route, proxy)
} else {
  app.use(proxy)
}

serve(app)
