// The upstream as a process of its own: the cheapest answer that Node's HTTP server can give.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const BODY = Buffer.alloc(1024, 'b')

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': 1024 })
  response.end(BODY)
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port)
})
