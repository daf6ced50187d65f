// What is written into records by callers: one record each, escaped, whatever they send.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { withKey } from './http-case.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({ upstream: upstream.url })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const utf8 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

for (const [name, path, agent, status] of [
  ['a line break in the path', '/a%0d%0aHTTP/1.1', 'x', 400],
  ['an escape of a terminal in the path', '/a%1b[31m', 'x', 400],
  ['a NUL in the path', '/a%00', 'x', 400],
  ['a path that is not UTF-8', '/a%ff', 'x', 400],
  ['a line separator in the path', '/echo/%E2%80%A8', 'x', 200],
  ['a bidirectional mark in the path', '/echo/%E2%80%AE', 'x', 200],
  ['an escape of a terminal in the agent', '/echo', 'a\x1b[31mb', 400],
  ['a line separator in the agent', '/echo', utf8('a\u2028b\u202ec'), 200],
  ['an agent that is not UTF-8', '/echo', '\xff\xfe', 200],
  ['an agent of 10 KiB', '/echo', 'a'.repeat(10_240), 200],
] as const) {
  test(`H111 ${name}: ${status}, one story, nothing raw in it`, async () => {
    const before = (await gateway.exchanges()).length
    const fields = `Host: x\r\nKEYUser-Agent: ${agent}\r\nConnection: close`
    const sent = withKey(`GET ${path} HTTP/1.1\r\n${fields}\r\n\r\n`, gateway)
    assert.equal(readAnswer(await sendRaw(gateway.port, sent)).status, status)
    const records = (await gateway.exchanges()).slice(before)
    const kinds = records.map(({ kind }) => kind)
    assert.deepEqual(kinds, status === 200 ? ['intent', 'outcome'] : ['refusal'])
    for (const { text } of records) {
      for (const line of text.split('\n')) {
        assert.ok(Buffer.from(line).every((byte) => byte >= 0x20 && byte !== 0x7f))
        JSON.parse(line)
      }
    }
  })
}
