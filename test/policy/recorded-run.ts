// A ledger with decisions of every sort: a gateway as an operator runs it, twice, with other
// policies the second time, and requests whose facts differ in whatever policies can see.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { layOut, newKey } from '../laid-out.ts'
import { MAIN } from '../program.ts'

export const FIRST_POLICIES = `
@id("readers-read") permit (principal in Group::"readers", action in Action::"read", resource);
@id("own-order") permit (principal, action, resource == Route::"order")
when { resource.hasTag("id") && resource.getTag("id") == "7" && principal in Role::"owner" };
@id("tenant") permit (principal, action, resource == Route::"bills")
when { context.headers.hasTag("x-tenant") && context.headers.getTag("x-tenant").contains("acme") };
@id("no-secrets") forbid (principal, action, resource) when { resource.path like "*/secret*" };
@id("fails") forbid (principal, action == Action::"PATCH", resource == Route::"bills")
when { 9007199254740991 * 1025 > 0 };
@id("approved") @approval("delete")
permit (principal in Group::"readers", action == Action::"DELETE", resource);
`

export const SECOND_POLICIES = `
@id("readers-read") permit (principal in Group::"readers", action == Action::"GET", resource);
@id("tenant") permit (principal, action, resource == Route::"bills")
when { context.headers.hasTag("x-tenant") };
@id("no-secrets") forbid (principal, action, resource) when { resource.path like "*/secret*" };
`

const ASKED = {
  methods: ['GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  paths: ['/orders', '/orders/7', '/orders/8', '/orders/7/secret', '/bills/1', '/bills/a%20b'],
  tenants: [undefined, 'acme', 'umbrella', 'Bearer of-a-token'],
}

export interface RecordedRun {
  readonly data: string
  readonly config: string
  /** Requests that were sent in all. */
  readonly sent: number
}

/** Sends about `requests` of them, half under each set of policies; leaves the ledger behind. */
export async function recordedRun(directory: string, requests: number): Promise<RecordedRun> {
  const upstream = createServer((incoming, response) => {
    incoming.resume()
    response.end('{}')
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const data = join(directory, 'data')
  const config = await layOut(directory, configuration(data, port), FIRST_POLICIES)
  const tokens = [
    await newKey(config, 'ada', '--group', 'readers', '--role', 'owner'),
    await newKey(config, 'bob', '--group', 'readers'),
    await newKey(config, 'robot', '--kind', 'service', '--role', 'owner'),
    undefined,
  ]
  const half = Math.ceil(requests / 2)
  try {
    await oneLife(config, { tokens, from: 0, to: half })
    writeFileSync(join(directory, 'policies/all.cedar'), SECOND_POLICIES)
    await oneLife(config, { tokens, from: half, to: 2 * half })
  } finally {
    upstream.close()
  }
  return { data, config, sent: 2 * half }
}

function configuration(data: string, port: number): string {
  return `version: 1
gateway: recorded
origin: countersign.test
data: ${data}
log: { level: error }
listeners: [{ name: main, host: 127.0.0.1, port: 0 }]
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
approvals:
  templates: { delete: { approvers: [{ role: lead }], methods: [DELETE], path: /**, usesMax: 1 } }
upstreams: { demo: { url: "http://127.0.0.1:${port}" } }
routes:
  - { name: orders, path: /orders, upstream: demo }
  - { name: order, path: "/orders/{id}", upstream: demo }
  - { name: bills, path: /bills, upstream: demo, authenticate: optional, headers: [X-Tenant] }
`
}

interface Load {
  readonly tokens: readonly (string | undefined)[]
  readonly from: number
  readonly to: number
}

const AT_ONCE = 16

async function oneLife(config: string, load: Load): Promise<void> {
  const child = spawn(process.execPath, [MAIN, 'start', '--config', config, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await listenerOf(child)
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  let next = load.from
  const worker = async (): Promise<void> => {
    while (next < load.to) await send(url, agent, load.tokens, next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  agent.destroy()
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number]
  assert.equal(code, 0)
}

async function listenerOf(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout)
  for await (const line of createInterface({ input: child.stdout })) {
    const { addresses } = JSON.parse(line) as { addresses: readonly string[] }
    const url = addresses.find((each) => each.startsWith('main '))?.slice('main '.length)
    assert.ok(url !== undefined, line)
    return url
  }
  throw new Error('the gateway did not start')
}

/** The n-th request: numbers without a common factor bring every combination in turn. */
function send(url: string, agent: Agent, tokens: Load['tokens'], nth: number): Promise<void> {
  const pick = <T>(list: readonly T[], every: number): T => {
    return list[Math.floor(nth / every) % list.length] as T
  }
  const method = pick(ASKED.methods, 1)
  const token = pick(tokens, ASKED.methods.length)
  const path = pick(ASKED.paths, ASKED.methods.length * tokens.length)
  const tenant = pick(ASKED.tenants, 5)
  return new Promise((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(tenant === undefined ? {} : { 'x-tenant': tenant }),
      ...(nth % 3 === 0 ? { 'content-length': '0' } : {}),
    }
    const sent = request(`${url}${path}`, { method, agent, headers }, (response) => {
      response.resume()
      response.once('end', resolve)
      response.once('error', reject)
    })
    sent.once('error', reject)
    sent.end()
  })
}
