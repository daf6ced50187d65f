// A real browser, on a page that came over HTTP/2: its WebSocket takes a stream of the same
// connection (RFC 8441), because the gateway says that it may.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createPublicKey, hash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WebSocketServer } from 'ws'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from '../proxy/certificates.ts'
import { startGateway, type TestGateway } from '../proxy/gateway.ts'

const PAGE = `<!doctype html><title>test</title><script>
const got = []
const socket = new WebSocket('wss://' + location.host + '/open/socket', ['chat'])
socket.onopen = () => socket.send('hello')
socket.onmessage = ({ data }) => { got.push(data); socket.close(4000, 'enough') }
socket.onclose = ({ code, reason }) => {
  fetch('/open/done/' + encodeURIComponent([...got, code, reason, socket.protocol].join()))
}
</script>`
const ROUTE = {
  name: 'open',
  path: '/open',
  upstream: 'upstream',
  authenticate: 'optional',
  upgrade: 'websocket',
  websocket: { http2: 'taken' },
}
const skip =
  need('chromium', { command: 'chromium', install: 'apt-get install chromium' }) ||
  need('openssl', { command: 'openssl', install: 'apt-get install openssl' })

describe('a browser that speaks HTTP/2', { skip }, () => {
  let authority: Authority
  let upstream: Server
  let gateway: TestGateway
  let browser: ChildProcess
  let profile: string
  const { promise: told, resolve: tell } = Promise.withResolvers<string>()

  before(async () => {
    authority = makeAuthority()
    upstream = createServer((request, response) => {
      const path = request.url ?? ''
      if (path === '/open/page') {
        response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)
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
    const certificate = authority.issue(['localhost'])
    gateway = await startGateway({
      upstream: `http://127.0.0.1:${port}`,
      certificate,
      routes: [ROUTE],
    })
    const key = createPublicKey(certificate.key).export({ type: 'spki', format: 'der' })
    profile = mkdtempSync(join(tmpdir(), 'browser-'))
    browser = spawn(
      'chromium',
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        `--user-data-dir=${profile}`,
        `--ignore-certificate-errors-spki-list=${hash('sha256', key, 'base64')}`,
        `https://localhost:${gateway.tlsPort}/open/page`,
      ],
      { stdio: 'ignore' },
    )
  })
  after(async () => {
    const ended = once(browser, 'exit')
    browser.kill()
    await ended
    await gateway.close()
    upstream.closeAllConnections()
    upstream.close()
    authority.remove()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })

  test('opens its WebSocket on a stream of its connection', { timeout: 60_000 }, async () => {
    assert.equal(await told, 'hello,4000,enough,chat')
    const records = await gateway.exchanges()
    const intent = records.find(
      ({ kind, what }) => kind === 'intent' && what.path === '/open/socket',
    )
    assert.deepEqual([intent?.what.method, intent?.what.protocol], ['GET', 'HTTP/2'])
    const outcome = records.find(({ kind, how }) => kind === 'outcome' && how.close !== undefined)
    assert.deepEqual(outcome?.how.close, { code: 4000, by: 'client' })
    assert.deepEqual(outcome?.how.messages, { request: 1, response: 1 })
  })
})
