// An upstream as a process of its own, so that it alone knows what reached it. What it answers is
// asked for by the path. It prints its port, and lives as long as its standard input stays open.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

interface Received {
  count: number
  ids: string[]
  aborted: number
  /** Bytes of request bodies, whole or not. */
  bytes: number
}

const received: Received = { count: 0, ids: [], aborted: 0, bytes: 0 }

const server = createServer((request, response) => {
  const [, verb = '', ...parts] = (request.url ?? '/').split('?', 1)[0]?.split('/') ?? []
  if (verb === '__received') return void response.end(JSON.stringify(received))
  received.count += 1
  received.ids.push(String(request.headers['x-request-id']))
  request.on('error', () => undefined)
  request.on('aborted', () => {
    received.aborted += 1
  })
  void answer(verb, parts, request, response).catch(() => response.destroy())
})

async function answer(
  verb: string,
  parts: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [first = 0, second = 0, third = 0] = parts.map(Number)
  if (verb === 'hang') return
  if (verb === 'early') return void response.writeHead(403).end('no')
  if (verb === 'raw') {
    request.socket.write(Buffer.from(parts[0] ?? '', 'hex'))
    if (parts[1] === 'close') request.socket.end()
    return
  }
  if (verb === 'head') return void response.writeHead(200, { 'x-a': 'a'.repeat(first) }).end()
  if (verb === 'bytes') {
    response.setHeader('content-length', first)
    return void response.end(Buffer.alloc(first, 'b'))
  }
  if (verb === 'break') {
    response.writeHead(200, { 'content-length': second })
    response.write(Buffer.alloc(first, 'b'))
    await sleep(50)
    return void request.socket.destroy()
  }
  if (verb === 'chunks' || verb === 'events') {
    if (verb === 'events') response.setHeader('content-type', 'text/event-stream')
    for (let nth = 0; nth < first; nth += 1) {
      response.write(verb === 'events' ? `data: ${nth}\n\n` : Buffer.alloc(second, 97 + (nth % 26)))
      await sleep(third)
    }
    return void response.end()
  }
  await echo(request, response)
}

/** Says what was received, byte for byte as far as an HTTP server can know. */
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
    received.bytes += chunk.length
  }
  const { method, url, rawHeaders, rawTrailers } = request
  const body = { method, url, rawHeaders, rawTrailers, bytes, sha256: hash.digest('hex') }
  response.writeHead(200, [
    'content-type',
    'application/json',
    'set-cookie',
    'a=1',
    'set-cookie',
    'b=2',
    'connection',
    'x-hop',
    'x-hop',
    'gone',
    'countersign-receipt',
    'forged',
  ])
  response.end(JSON.stringify(body))
}

// A kept connection is not closed in the moment in which it is used again.
server.keepAliveTimeout = 0
process.stdin.resume().on('close', () => process.exit(0))
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
