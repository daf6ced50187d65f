// What Node's parser makes of the requests that reach it: a line of JSON for each, in a file.
import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const [, , path = ''] = process.argv
const file = openSync(path, 'w')
let lines: string[] = []

function note(line: object): void {
  lines.push(JSON.stringify(line))
  if (lines.length >= 1000) flush()
}

function flush(): void {
  if (lines.length > 0) writeSync(file, `${lines.join('\n')}\n`)
  lines = []
}

const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
  const { method, url, rawHeaders } = request
  const hash = createHash('sha256')
  let bytes = 0
  let isNoted = false
  const seen = (isWhole: boolean): void => {
    if (isNoted) return
    isNoted = true
    const fields = rawHeaders.flatMap((name, at) =>
      at % 2 === 0 ? [[name, rawHeaders[at + 1]]] : [],
    )
    note({ method, target: url, fields, bytes, sha256: hash.digest('hex'), isWhole })
  }
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    bytes += chunk.length
  })
  request.on('error', () => seen(false))
  request.on('close', () => seen(request.complete))
  request.on('end', () => {
    seen(request.complete)
    response.end(`${String(request.headers['x-request-id'])} ${method} ${url}`)
  })
})
server.maxHeadersCount = 0
server.on('clientError', (error: Error & { code?: string }, socket) => {
  if (error.code !== 'ECONNRESET' && error.code !== 'HPE_INVALID_EOF_STATE') {
    note({ unreadable: error.code })
  }
  socket.destroy()
})
process.stdin.resume().on('close', () => {
  flush()
  closeSync(file)
  process.exit(0)
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
