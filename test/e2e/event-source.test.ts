// A real browser behind the gateway: a page of the upstream opens an EventSource, and tells the
// upstream what it got; and a WebSocket, which the browser opens with its own origin.
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { startGateway, type TestGateway } from '../proxy/gateway.ts'
import { type ChromiumPage, chromiumPage, NO_CHROMIUM } from './chromium-page.ts'

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

function someEvents(path: string, response: ServerResponse): boolean {
  if (path !== '/open/events') return false
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  const events = ['data: 1\n\n', 'event: named\nid: 7\ndata: 2\n\n', 'data: last\n\n']
  for (const [nth, event] of events.entries()) {
    setTimeout(() => response.write(event), 100 * nth + 100)
  }
  return true
}

describe('a browser', { skip: NO_CHROMIUM }, () => {
  let page: ChromiumPage
  let gateway: TestGateway

  before(async () => {
    page = await chromiumPage(PAGE, someEvents)
    gateway = await startGateway({ upstream: page.url, routes: ROUTES })
    page.open(`http://127.0.0.1:${gateway.port}`)
  })
  after(async () => {
    await page.close()
    await gateway.close()
  })

  test('gets events, by name and id, and a WebSocket with its close code', async () => {
    assert.equal(await page.told, 'open,1,2 7,last,hello,4000,enough,chat')
    const outcomes = (await gateway.exchanges()).filter(({ kind }) => kind === 'outcome')
    const socket = outcomes.find(({ how }) => how.status === 101)
    assert.deepEqual(socket?.how.close, { code: 4000, by: 'client' })
    assert.deepEqual(socket?.how.messages, { request: 1, response: 1 })
    const events = outcomes.find(({ how }) => how.ended === 'client-aborted')
    assert.ok((events?.how.response?.bytes ?? 0) > 40)
  })
})
