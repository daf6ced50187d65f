// A real browser behind the gateway: a page of the upstream opens an EventSource, and tells the
// upstream what it got; and a WebSocket, which the browser opens with its own origin.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WebSocketServer } from 'ws'
import { need } from '../needs.ts'
import { startGateway, type TestGateway } from '../proxy/gateway.ts'

const PAGE = `<!doctype html><title>test</title><script>
const got = []
const tell = (what) => fetch('/open/done/' + encodeURIComponent(what))
const source = new EventSource('/open/events')
source.onopen = () => got.push('open')
source.addEventListener('named', (event) => got.push(event.data + ' ' + event.lastEventId))
source.onmessage = (event) => {
  got.push(event.data)
  if (event.data !== 'last') return
  source.close()
  const socket = new WebSocket('ws://' + location.host + '/open/socket', ['chat'])
  socket.onopen = () => socket.send('hello')
  socket.onmessage = ({ data }) => { got.push(data); socket.close(4000, 'enough') }
  socket.onclose = ({ code, reason }) => tell([...got, code, reason, socket.protocol].join())
}
</script>`
const ROUTES = [
  {
    name: 'open',
    path: '/open',
    upstream: 'upstream',
    authenticate: 'optional',
    upgrade: 'websocket',
  },
]

describe('a browser', {
  skip: need('chromium', { command: 'chromium', install: 'apt-get install chromium' }),
}, () => {
  let upstream: Server
  let gateway: TestGateway
  let browser: ChildProcess
  let profile: string
  const { promise: told, resolve: tell } = Promise.withResolvers<string>()

  before(async () => {
    upstream = createServer((request, response) => {
      const path = request.url ?? ''
      if (path === '/open/page') {
        response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)
      } else if (path === '/open/events') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.flushHeaders()
        const events = ['data: 1\n\n', 'event: named\nid: 7\ndata: 2\n\n', 'data: last\n\n']
        for (const [nth, event] of events.entries()) {
          setTimeout(() => response.write(event), 100 * nth + 100)
        }
      } else if (path.startsWith('/open/done/')) {
        response.end()
        tell(decodeURIComponent(path.slice('/open/done/'.length)))
      } else response.writeHead(404).end()
    })
    const sockets = new WebSocketServer({ server: upstream, path: '/open/socket' })
    sockets.on('connection', (socket) =>
      socket.on('message', (data) => socket.send(data, { binary: false })),
    )
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const { port } = upstream.address() as AddressInfo
    gateway = await startGateway({ upstream: `http://127.0.0.1:${port}`, routes: ROUTES })
    profile = mkdtempSync(join(tmpdir(), 'browser-'))
    const options = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${profile}`]
    browser = spawn('chromium', [...options, `http://127.0.0.1:${gateway.port}/open/page`], {
      stdio: 'ignore',
    })
  })
  after(async () => {
    const ended = once(browser, 'exit')
    browser.kill()
    await ended
    await gateway.close()
    upstream.closeAllConnections()
    upstream.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })

  test('gets events, by name and id, and a WebSocket with its close code', async () => {
    assert.equal(await told, 'open,1,2 7,last,hello,4000,enough,chat')
    const outcomes = (await gateway.exchanges()).filter(({ kind }) => kind === 'outcome')
    const socket = outcomes.find(({ how }) => how.status === 101)
    assert.deepEqual(socket?.how.close, { code: 4000, by: 'client' })
    assert.deepEqual(socket?.how.messages, { request: 1, response: 1 })
    const events = outcomes.find(({ how }) => how.ended === 'client-aborted')
    assert.ok((events?.how.response?.bytes ?? 0) > 40)
  })
})
