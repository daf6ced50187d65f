// One campaign: upstreams, a gateway as operators run it, fuzzed connections, then the comparison.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { startLife } from '../../faults/scratch-gateway.ts'
import { layOut, newKey } from '../../laid-out.ts'
import { addressOf, type Talk, talk } from './client.ts'
import { type Credentials, type Plan, planOf } from './grammar.ts'
import { contradictions } from './oracle.ts'
import { readConnection } from './reading.ts'
import { type Recorded, readExchanges } from './records.ts'
import { type Parsed, type ParsingUpstream, startUpstreams, type Unreadable } from './upstreams.ts'

export interface Campaign {
  /** An empty directory. */
  readonly directory: string
  /** Requests that are no markers, each with a record. */
  readonly requests: number
  readonly makePlan: (nth: number, credentials: Credentials) => Plan | undefined
  /** Connections at once. */
  readonly clients: number
}

export interface Finding {
  /** Which plan; undefined: no plan's. */
  readonly nth: number | undefined
  readonly says: string
}

export interface Report {
  readonly connections: number
  readonly judged: number
  readonly served: number
  readonly refused: ReadonlyMap<string, number>
  readonly markers: number
  /** Connections whose end came before their last answer was read. */
  readonly resets: number
  readonly atUpstream: Readonly<Record<string, number>>
  readonly findings: readonly Finding[]
}

export async function runCampaign(campaign: Campaign): Promise<Report> {
  const { directory } = campaign
  const upstreams = await startUpstreams(directory)
  try {
    return await talkAndCompare(campaign, upstreams)
  } finally {
    await Promise.all(upstreams.map((upstream) => upstream.close()))
  }
}

async function talkAndCompare(
  campaign: Campaign,
  upstreams: readonly ParsingUpstream[],
): Promise<Report> {
  const { directory } = campaign
  const { config, credentials } = await lay(directory, upstreams)
  const life = await startLife(config)
  const { process: gateway } = life
  gateway.stderr?.pipe(process.stderr)
  const hasEnded = (): boolean => gateway.exitCode !== null || gateway.signalCode !== null
  const port = Number(new URL(life.url).port)
  const talks = await talkAll({ ...campaign, hasEnded }, credentials, port)
  assert.equal(hasEnded(), false, 'the gateway goes on')
  assert.equal(await life.stop('SIGTERM'), 0)
  const parsed = (await Promise.all(upstreams.map((upstream) => upstream.close()))).flat()
  const records = await readExchanges(join(directory, 'data'))
  return compare({ campaign, credentials, upstreams, talks, parsed, records })
}

async function lay(
  directory: string,
  upstreams: readonly ParsingUpstream[],
): Promise<{ readonly config: string; readonly credentials: Credentials }> {
  const policies = `@id("all") permit (principal, action, resource);
@id("not") forbid (principal == User::"ben", action == Action::"DELETE", resource);\n`
  const config = await layOut(directory, configuration(upstreams), policies)
  const credentials = { ada: await newKey(config, 'ada'), ben: await newKey(config, 'ben') }
  return { config, credentials }
}

function configuration(upstreams: readonly ParsingUpstream[]): string {
  const routes = upstreams.map(({ name }) => {
    const prefix = name === 'nginx' ? 'x' : name.charAt(0)
    return `  - { name: ${name}, path: /${prefix}, upstream: ${name}, headers: [] }`
  })
  const targets = upstreams.map(({ name, authority }) => {
    return `  ${name}: { url: "http://${authority}", connectionsMax: 16 }`
  })
  return `version: 1
gateway: desync
origin: countersign.test
data: data
log: { level: error }
listeners:
  - { name: main, host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
limits:
  { refusalsPerSecondMax: 1000000, refusalsWholeMax: 1000, foldMs: 100, headMs: 3000,
    bodyIdleMs: 3000 }
upstreams:
${targets.join('\n')}
routes:
${routes.join('\n')}
`
}

async function talkAll(
  { requests, clients, makePlan, hasEnded }: Campaign & { readonly hasEnded: () => boolean },
  credentials: Credentials,
  port: number,
): Promise<ReadonlyMap<number, Talk>> {
  const talks = new Map<number, Talk>()
  let [nth, judged] = [0, 0]
  const client = async (): Promise<void> => {
    while (judged < requests && !hasEnded()) {
      const plan = makePlan(nth, credentials)
      nth += 1
      if (plan === undefined) return
      const reading = readConnection(plan.bytes)
      const said = await talk(port, plan, reading)
      talks.set(plan.nth, said)
      judged += said.answers.filter((_, at) => isCase(plan, reading.requests[at]?.from)).length
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return talks
}

/** Whether what begins there is a case; a marker is none, and what cannot be read is. */
function isCase({ cases }: Plan, from: number | undefined): boolean {
  return from === undefined || cases.includes(from)
}

interface Told {
  readonly campaign: Campaign
  readonly credentials: Credentials
  readonly upstreams: readonly ParsingUpstream[]
  readonly talks: ReadonlyMap<number, Talk>
  readonly parsed: readonly (Parsed | Unreadable)[]
  readonly records: readonly Recorded[]
}

function compare(told: Told): Report {
  const { campaign, credentials, upstreams, talks, parsed, records } = told
  const byAddress = Map.groupBy(records, ({ address }) => address)
  const findings: Finding[] = []
  const byId = new Map<string, Parsed[]>()
  const known = new Set(records.filter(({ kind }) => kind === 'intent').map(({ id }) => id))
  for (const each of parsed) {
    const id = 'unreadable' in each ? '' : requestId(each)
    if (!known.has(id)) findings.push({ nth: undefined, says: `nobody's: ${JSON.stringify(each)}` })
    else if (!('unreadable' in each)) byId.set(id, [...(byId.get(id) ?? []), each])
  }
  const authorities = new Map(upstreams.map(({ name, authority }) => [name, authority]))
  let [judged, markers] = [0, 0]
  for (const [nth, said] of talks) {
    const plan = campaign.makePlan(nth, credentials)
    if (plan === undefined) continue
    const address = addressOf(nth)
    const own = byAddress.get(address) ?? []
    byAddress.delete(address)
    const reading = readConnection(plan.bytes)
    const cases = own.filter((_, at) => isCase(plan, reading.requests[at]?.from)).length
    judged += cases
    markers += own.length - cases
    const says = contradictions({
      plan,
      address,
      reading,
      talk: said,
      records: own,
      parsedOf: (id) => byId.get(id) ?? [],
      authorityOf: (name) => authorities.get(name) ?? '',
      principalOf: (value) => principalOf(value, credentials),
    })
    findings.push(...says.map((each) => ({ nth, says: each })))
  }
  for (const [address, own] of byAddress) {
    findings.push({ nth: undefined, says: `${own.length} records of ${address}, who sent nothing` })
  }
  const refused = new Map<string, number>()
  for (const { kind, reason } of records) {
    if (kind === 'refusal') refused.set(reason, (refused.get(reason) ?? 0) + 1)
  }
  const atUpstream = Object.fromEntries(
    upstreams.map(({ name }) => [name, parsed.filter((each) => each.upstream === name).length]),
  )
  const served = records.filter(({ outcome }) => outcome?.source === 'upstream').length
  const resets = [...talks.values()].filter(({ isReset }) => isReset).length
  return { connections: talks.size, judged, served, refused, markers, resets, atUpstream, findings }
}

function requestId({ fields }: Parsed): string {
  return fields.find(([name]) => name.toLowerCase() === 'x-request-id')?.[1] ?? ''
}

function principalOf(authorization: string | undefined, keys: Credentials): string | undefined {
  const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  return Object.entries(keys).find(([, key]) => key === token)?.[0]
}

/** A campaign of a seed; with one number, that connection alone. */
export function seeded(seed: number, only: number | undefined): Campaign['makePlan'] {
  return (nth, credentials) => {
    if (only === undefined) return planOf(seed, nth, credentials)
    return nth === 0 || nth === only ? planOf(seed, only, credentials) : undefined
  }
}
