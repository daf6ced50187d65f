import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { openVerifier, type Statement } from '../../examples/upstream-verifier/verify.ts'
import {
  openStatementKeys,
  type StatementKey,
  Statements,
  statementKeySet,
  statementsSchema,
} from '../../packages/gateway/src/identity/index.ts'
import { SeededRandom, SimulatedDisk } from '../../packages/gateway/src/platform/index.ts'
import { ORIGIN, startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'

/** An upstream that takes requests from its gateway only. */
class GuardedUpstream {
  readonly statements: Statement[] = []
  readonly fields: string[][] = []
  readonly #server: Server
  #verify: ((request: IncomingMessage) => Promise<Statement>) | undefined
  keySet = ''

  constructor() {
    this.#server = createServer((request, response) => {
      if (request.url === '/jwks.json') return void response.end(this.keySet)
      this.fields.push(request.rawHeaders)
      const verified = this.#verify?.(request) ?? Promise.reject(new Error('not ready'))
      verified.then(
        (statement) => {
          this.statements.push(statement)
          response.end('ok')
        },
        (error: Error) => response.writeHead(403).end(error.message),
      )
    })
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${this.port}`
  }

  async guard(): Promise<void> {
    const jwksUrl = `http://127.0.0.1:${this.port}/jwks.json`
    this.#verify = await openVerifier({ jwksUrl, issuer: ORIGIN, audience: 'upstream' })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

async function makeKeys(seed: number): Promise<readonly StatementKey[]> {
  const random = new SeededRandom(seed)
  return openStatementKeys({ random, disk: new SimulatedDisk({ random }), directory: '' })
}

for (const algorithm of ['EdDSA', 'ES256'] as const) {
  describe(`statements for upstreams, ${algorithm}`, () => {
    const upstream = new GuardedUpstream()
    let gateway: TestGateway

    before(async () => {
      const url = await upstream.listen()
      const keys = await makeKeys(1)
      upstream.keySet = statementKeySet(keys)
      await upstream.guard()
      const config = statementsSchema.parse({ algorithm })
      gateway = await startGateway({
        upstream: url,
        routes: [
          { name: 'plain', path: '/plain', upstream: 'upstream' },
          { name: 'all', path: '/', upstream: 'upstream', identity: 'signed' },
        ],
        statements: new Statements({ keys, config, origin: ORIGIN }),
      })
    })
    after(async () => {
      await gateway.close()
      upstream.close()
    })

    const ask = async (target: string, fields = '') => {
      const head = `GET ${target} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n${fields}`
      const key = `Authorization: Bearer ${gateway.keys.ada}\r\n\r\n`
      return readAnswer(await sendRaw(gateway.port, head + key))
    }

    const askUpstream = async (path: string, statement?: string) => {
      const headers = statement === undefined ? {} : { 'countersign-identity': statement }
      const answer = await fetch(`http://127.0.0.1:${upstream.port}${path}`, { headers })
      return [answer.status, await answer.text()]
    }

    const lastStatement = (): string => {
      const fields = upstream.fields.at(-1) ?? []
      return fields[fields.indexOf('countersign-identity') + 1] ?? ''
    }

    test('who it is, and where the intent stands', async () => {
      const answer = await ask('/orders?a=1')
      assert.equal(answer.status, 200)
      const { sub, kind, groups, roles, method, aud, htm, target, ledger, exp, iat, jti } =
        upstream.statements.at(-1) ?? ({} as Statement)
      assert.deepEqual([sub, kind, method, aud, htm], ['ada', 'user', 'api-key', 'upstream', 'GET'])
      assert.deepEqual([groups, roles, target], [['readers'], ['staff'], '/orders?a=1'])
      assert.equal(Number(exp) - Number(iat), 30)
      assert.equal(jti, answer.headers['x-request-id'])
      const intent = (await gateway.records()).find(({ index }) => index === ledger?.index)
      assert.equal(intent?.kind, 'intent')
      assert.equal(intent?.when.exchange, jti)
      assert.deepEqual([ledger?.origin, ledger?.epoch], [ORIGIN, 1])
    })

    test('what did not come through the gateway is refused', async () => {
      assert.deepEqual(await askUpstream('/orders'), [403, 'not one statement of the gateway'])
      await ask('/orders')
      const used = lastStatement()
      assert.deepEqual(await askUpstream('/orders', used), [403, 'used before'])
      const other = 'a statement about another request'
      assert.deepEqual(await askUpstream('/other', used), [403, other])
      const bent = used.replace(/\.[^.]+\./, (part) => `.${bend(part.slice(1, -1))}.`)
      assert.deepEqual(await askUpstream('/orders', bent), [403, 'not signed by the gateway'])
    })

    test('a look-alike of the client\u2019s does not arrive', async () => {
      await ask('/orders')
      const stolen = lastStatement()
      assert.equal((await ask('/plain', `Countersign-Identity: ${stolen}\r\n`)).status, 403)
      assert.ok(!upstream.fields.at(-1)?.includes('Countersign-Identity'))
      assert.ok(!upstream.fields.at(-1)?.includes(stolen))
      assert.equal((await ask('/orders', `countersign-identity: ${stolen}\r\n`)).status, 200)
    })

    test('a statement of another gateway, and one for another upstream', async () => {
      const config = statementsSchema.parse({ algorithm })
      const facts = {
        principal: { id: 'eve', kind: 'user', issuer: 'keys', groups: [], roles: [], scopes: [] },
        credential: undefined,
        audience: 'upstream',
        method: 'GET',
        target: '/orders',
        requestId: 'x',
        recorded: { epoch: 1, index: 1 },
        atUs: Date.now() * 1000,
      } as never
      const strange = new Statements({ keys: await makeKeys(2), config, origin: ORIGIN })
      const notSigned = [403, 'not signed by the gateway']
      assert.deepEqual(await askUpstream('/orders', strange.sign(facts)), notSigned)
      const ours = new Statements({ keys: await makeKeys(1), config, origin: ORIGIN })
      const other = [403, 'a statement about another request']
      const sign = (more: object): string => ours.sign({ ...(facts as object), ...more } as never)
      assert.deepEqual(await askUpstream('/orders', sign({ audience: 'billing' })), other)
      assert.deepEqual(
        await askUpstream('/orders', sign({ atUs: Date.now() * 1000 - 40e6 })),
        other,
      )
      assert.deepEqual(await askUpstream('/orders', sign({})), [200, 'ok'])
    })
  })
}

/** Another person in the same claims. */
function bend(payload: string): string {
  const claims = Buffer.from(payload, 'base64url').toString().replace('"ada"', '"eve"')
  return Buffer.from(claims).toString('base64url')
}

test('a key that was made is the key of the next start', async () => {
  const random = new SeededRandom(7)
  const disk = new SimulatedDisk({ random })
  const made = await openStatementKeys({ disk, random, directory: '' })
  const found = await openStatementKeys({ disk, random, directory: '' })
  assert.deepEqual(
    found.map(({ kid }) => kid),
    made.map(({ kid }) => kid),
  )
})

test('who has more groups than a header can carry is named without them', async () => {
  const config = statementsSchema.parse({})
  const keys = await makeKeys(1)
  const groups = Array.from({ length: 100 }, (_, at) => `group ${at} ${'x'.repeat(100)}`)
  const text = new Statements({ keys, config, origin: ORIGIN }).sign({
    principal: {
      id: 'ada',
      kind: 'user',
      issuer: 'keys',
      groups,
      roles: [],
      scopes: [],
      claims: {},
    },
    credential: undefined,
    audience: 'upstream',
    method: 'GET',
    target: '/',
    requestId: 'x',
    recorded: { epoch: 1, index: 1 },
    atUs: 0,
  })
  const claims = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString())
  assert.deepEqual([claims.sub, claims.partial, claims.groups], ['ada', true, undefined])
})
