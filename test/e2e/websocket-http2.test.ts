// A real browser, on a page that came over HTTP/2: its WebSocket takes a stream of the same
// connection (RFC 8441), because the gateway says that it may.
import assert from 'node:assert/strict'
import { createPublicKey, hash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from '../proxy/certificates.ts'
import { startGateway, type TestGateway } from '../proxy/gateway.ts'
import { type ChromiumPage, chromiumPage, NO_CHROMIUM } from './chromium-page.ts'

const PAGE = `<!doctype html><title>test</title><script>
const open = () => {
  const got = []
  const socket = new WebSocket('wss://' + location.host + '/open/socket', ['chat'])
  socket.onopen = () => socket.send('hello')
  socket.onmessage = ({ data }) => { got.push(data); socket.close(4000, 'enough') }
  socket.onclose = ({ code, reason }) => {
    fetch('/open/done/' + encodeURIComponent([...got, code, reason, socket.protocol].join()))
  }
}
// By then the browser has read what the gateway says its connections may do.
fetch('/open/first').then((answer) => answer.text()).then(open)
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
  NO_CHROMIUM || need('openssl', { command: 'openssl', install: 'apt-get install openssl' })

describe('a browser that speaks HTTP/2', { skip }, () => {
  let authority: Authority
  let page: ChromiumPage
  let gateway: TestGateway

  before(async () => {
    authority = makeAuthority()
    page = await chromiumPage(PAGE)
    const certificate = authority.issue(['localhost'])
    gateway = await startGateway({ upstream: page.url, certificate, routes: [ROUTE] })
    const key = createPublicKey(certificate.key).export({ type: 'spki', format: 'der' })
    const pinned = `--ignore-certificate-errors-spki-list=${hash('sha256', key, 'base64')}`
    page.open(`https://localhost:${gateway.tlsPort}`, pinned)
  })
  after(async () => {
    await page.close()
    await gateway.close()
    authority.remove()
  })

  test('opens its WebSocket on a stream of its connection', { timeout: 60_000 }, async () => {
    assert.equal(await page.told, 'hello,4000,enough,chat')
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
