// Fields that come again, byte for byte, are not read again. What is served is the same as if they
// were: each request here is asked among others on one connection, and on a connection of its own.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
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

/** Of one exchange or one connection: what may differ. */
const ITS_OWN = /^(?:x-request-id|traceparent|date|countersign-receipt|content-length)$/

function request(path: string, fields: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, ...fields, '', ''].join('\r\n')
}

/** Status, and what the upstream was told. */
function summary(text: string): unknown {
  const { status, body } = readAnswer(text)
  if (status !== 200) return status
  const { url, rawHeaders } = JSON.parse(body) as { url: string; rawHeaders: string[] }
  const told = rawHeaders.flatMap((name, at) =>
    at % 2 === 1 || ITS_OWN.test(name.toLowerCase()) ? [] : [`${name}: ${rawHeaders[at + 1]}`],
  )
  return { url, told }
}

async function askAlone(bytes: string): Promise<unknown> {
  return summary(await sendRaw(gateway.port, bytes))
}

async function askTogether(all: readonly string[]): Promise<unknown[]> {
  const found: unknown[] = []
  let text = await sendRaw(gateway.port, all.join(''), {
    isAll: (so) => so.split('HTTP/1.1 ').length > all.length && readAll(so, all.length),
  })
  for (let nth = 0; nth < all.length; nth += 1) {
    found.push(summary(text))
    text = readAnswer(text).rest
  }
  return found
}

function readAll(text: string, count: number): boolean {
  let rest = text
  for (let nth = 0; nth < count; nth += 1) {
    const answer = readAnswer(rest)
    if (answer.truncated) return false
    rest = answer.rest
  }
  return true
}

test('fields that come again, change and come again are what they are by themselves', async () => {
  const { ada, ben } = gateway.keys
  const host = `Host: 127.0.0.1:${gateway.port}`
  const asAda = [
    host,
    `Authorization: Bearer ${ada}`,
    'X-Kept: 1',
    'Connection: x-gone',
    'X-Gone: 1',
  ]
  const asBen = asAda.with(1, `Authorization: Bearer ${ben}`)
  const nearly = asAda.with(2, 'X-Kept: 2')
  const wrong = asAda.with(
    1,
    `Authorization: Bearer ${ada.slice(0, -1)}${ada.endsWith('A') ? 'B' : 'A'}`,
  )
  const nobody = asAda.toSpliced(1, 1)
  const both = [...asAda, `Authorization: Bearer ${ben}`]
  const served = [asAda, asAda, asAda, nearly, asBen, asBen]
  const mixed = [wrong, wrong, asAda, both, nearly, both, nobody, nearly, asAda, asAda]
  const all = [...served, ...mixed]
  const requests = all.map((fields, nth) => request(`/echo/${nth}?a=${nth}`, fields))
  // First: what each connection has for itself is not what another one has left.
  const alone: unknown[] = []
  for (const each of requests) alone.push(await askAlone(each))
  const together = await askTogether(requests)
  assert.deepEqual(together, alone)
  assert.equal(new Set(alone.map((each) => typeof each)).size, 2, 'some are served, some are not')
})

test('a key that is known no more is refused where its fields have come before', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ports = new Set<number | undefined>()
  const ask = async (by: Agent | false): Promise<number | undefined> => {
    const headers = { authorization: `Bearer ${gateway.keys.ada}`, connection: 'keep-alive' }
    const asked = get({ port: gateway.port, path: '/echo', agent: by, headers })
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    if (by !== false) ports.add(asked.socket?.localPort)
    answer.resume()
    await once(answer, 'end')
    if (by === false) asked.destroy()
    return answer.statusCode
  }
  // On one connection, and on others that see what was read of it.
  for (const by of [agent, agent, agent, false, false, false] as const) {
    assert.equal(await ask(by), 200)
  }
  gateway.forgetKeys()
  for (const by of [agent, agent, false, false] as const) assert.equal(await ask(by), 401)
  assert.equal(ports.size, 1)
  agent.destroy()
})
