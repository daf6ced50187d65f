import assert from 'node:assert/strict'
import { get } from 'node:https'
import { test } from 'node:test'
import { makeAuthority } from '../../../../test/proxy/certificates.ts'
import { serveAdmin } from './serve.ts'

const app = async ({ url }: Request): Promise<Response> => new Response(new URL(url).pathname)

test('it serves on the loopback, and lets go of its port', async () => {
  const server = await serveAdmin(app, { host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${server.port}/healthz`
  assert.equal(await (await fetch(url)).text(), '/healthz')
  await server.close()
  await assert.rejects(fetch(url))
})

test('a HEAD has the length of the GET and no body', async () => {
  const sized = async (): Promise<Response> => {
    return new Response('four', { headers: { 'content-length': '4' } })
  }
  const server = await serveAdmin(sized, { host: '127.0.0.1', port: 0 })
  const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'HEAD' })
  assert.equal(response.headers.get('content-length'), '4')
  assert.equal(await response.text(), '')
  await server.close()
})

for (const host of ['0.0.0.0', '::']) {
  test(`${host} without TLS is refused, whoever asks for it`, async () => {
    await assert.rejects(serveAdmin(app, { host, port: 0 }), { code: 'ADMIN_NOT_LOOPBACK' })
  })
}

test('a port that is taken is said to be', async () => {
  const server = await serveAdmin(app, { host: '127.0.0.1', port: 0 })
  await assert.rejects(serveAdmin(app, { host: '127.0.0.1', port: server.port }), {
    code: 'ADMIN_LISTEN',
    message: /EADDRINUSE/,
  })
  await server.close()
})

test('with TLS it may be reached from elsewhere, and plain HTTP is not answered', async () => {
  const authority = makeAuthority()
  const tls = authority.issue(['localhost'])
  const server = await serveAdmin(app, { host: '0.0.0.0', port: 0, tls })
  const status = await new Promise((resolve, reject) => {
    const options = { ca: authority.pem, servername: 'localhost' }
    get(`https://127.0.0.1:${server.port}/readyz`, options, ({ statusCode, socket }) => {
      resolve(statusCode)
      socket.destroy()
    }).once('error', reject)
  })
  assert.equal(status, 200)
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}/readyz`))
  await server.close()
  authority.remove()
})
