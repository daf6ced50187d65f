// A real browser on a page of an upstream that also echoes WebSockets: what the page finds it tells
// the upstream, at `/open/done/`.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import { need } from '../needs.ts'

export const NO_CHROMIUM: string | false = need('chromium', {
  command: 'chromium',
  install: 'apt-get install chromium',
})

export interface ChromiumPage {
  /** Of the upstream. */
  readonly url: string
  /** Resolves with what the page tells. */
  readonly told: Promise<string>
  /** Opens the page, as the gateway at `origin` has it. */
  open(origin: string, ...flags: readonly string[]): void
  close(): Promise<void>
}

/** `answers`: takes a response of its own, by path, or returns false. */
export async function chromiumPage(
  page: string,
  answers: (path: string, response: ServerResponse) => boolean = () => false,
): Promise<ChromiumPage> {
  const { promise: told, resolve: tell } = Promise.withResolvers<string>()
  const upstream = createServer((request, response) => {
    const path = request.url ?? ''
    if (path === '/open/page') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(page)
    } else if (path.startsWith('/open/done/')) {
      response.end()
      tell(decodeURIComponent(path.slice('/open/done/'.length)))
    } else if (!answers(path, response)) response.writeHead(404).end()
  })
  const sockets = new WebSocketServer({ server: upstream, path: '/open/socket' })
  sockets.on('connection', (socket) =>
    socket.on('message', (data) => socket.send(data, { binary: false })),
  )
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const profile = mkdtempSync(join(tmpdir(), 'browser-'))
  let browser: ChildProcess | undefined
  return {
    url: `http://127.0.0.1:${port}`,
    told,
    open: (origin, ...flags) => {
      const options = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${profile}`]
      browser = spawn('chromium', [...options, ...flags, `${origin}/open/page`], {
        stdio: 'ignore',
      })
    },
    close: async () => {
      const ended = browser && once(browser, 'exit')
      browser?.kill()
      await ended
      upstream.closeAllConnections()
      upstream.close()
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
