// A stage for scripts: a gateway as the program composes it, an upstream, people with keys, and a
// clock that the script can put forward. What is said on it is written down without what chance and
// time make different each time.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kind } from '@countersign/evidence'
import { claimData } from '../../packages/gateway/src/compose/claim.ts'
import { type Gateway, openGateway } from '../../packages/gateway/src/compose/gateway.ts'
import { type Machine, realMachine } from '../../packages/gateway/src/compose/machine.ts'
import { prepare } from '../../packages/gateway/src/compose/prepare.ts'
import { createKey } from '../../packages/gateway/src/identity/index.ts'
import { nodeDisk } from '../../packages/gateway/src/platform/index.ts'
import { readRecords } from '../../packages/gateway/src/verify/index.ts'
import { run } from '../run-cli.ts'

export interface StageOptions {
  readonly policies: string
  /** YAML, beside what every stage has. */
  readonly config: string
  /** Roles by name. */
  readonly people: Readonly<Record<string, readonly string[]>>
  /** Where requests race, the order of what is recorded is chance: how often each thing is. */
  readonly isRace?: boolean
}

/** What a script does on the stage; each step is written down with what came of it. */
export interface Stage {
  /** As `POST /orders/7/refund`, and headers. */
  ask(who: string, request: string, headers?: Readonly<Record<string, string>>): Promise<void>
  /** Many at once: how often each answer came. */
  askAtOnce(who: string, request: string, times: number): Promise<void>
  /** A command line without its first word. */
  command(who: string, ...args: readonly string[]): Promise<void>
  /** Puts the gateway's clock forward. */
  wait(what: string, ms: number): Promise<void>
  /** What a load balancer is told. */
  ready(): Promise<void>
  /** The process is ended and begun again. */
  restart(): Promise<void>
  say(text: string): void
  /** The name in the script of the nth id that came up, from 1, as the program knows it. */
  id(name: string): string
}

const CLEAN = [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z/g, /[0-9a-f]{8}-[0-9a-f-]{27}/g] as const
const KINDS: ReadonlySet<Kind> = new Set(['approval', 'alert', 'intent', 'refusal', 'admin'])

/** Plays `script` and returns all that was said and recorded. */
export async function play(
  options: StageOptions,
  script: (stage: Stage) => Promise<void>,
): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-approval-'))
  const upstream = createServer((_request, response) => void response.end('done\n'))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', () => resolve()))
  try {
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    return await playIn(root, { ...options, upstream: url }, script)
  } finally {
    upstream.closeAllConnections()
    upstream.close()
    await rm(root, { recursive: true })
  }
}

async function playIn(
  root: string,
  options: StageOptions & { readonly upstream: string },
  script: (stage: Stage) => Promise<void>,
): Promise<string> {
  const keys = await writeFiles(root, options)
  const clock = shiftedClock()
  const machine: Machine = { ...realMachine(), clock }
  const path = join(root, 'gateway.yaml')
  const ownership = await claimData(machine, join(root, 'data'))
  let gateway = await openGateway(await prepare(path), machine)
  const names = new Names()
  const lines: string[] = []
  const say = (text: string): void => void lines.push(names.clean(text))
  const fetchAs = (who: string, request: string, headers = {}): Promise<Response> => {
    const [method = 'GET', target = '/'] = request.split(' ')
    const authorization = `Bearer ${keys[who]}`
    const init = { method, headers: { authorization, ...headers } }
    return fetch(`${addressOf(gateway, 'main')}${target}`, init)
  }
  const stage: Stage = {
    say: (text) => say(`\n# ${text}`),
    id: (name) => names.idOf(name),
    ask: async (who, request, headers = {}) => {
      const answer = await fetchAs(who, request, headers)
      const more = Object.entries(headers).map(([name, value]) => ` [${name}: ${value}]`)
      say(`${who}: ${request}${more.join('')}`)
      say(`  ${answer.status} ${described(await answer.text())}`)
    },
    askAtOnce: async (who, request, times) => {
      const all = Array.from({ length: times }, async () => {
        const answer = await fetchAs(who, request)
        return `${answer.status} ${described(await answer.text())}`
      })
      const counts = Map.groupBy(await Promise.all(all), (text) => text)
      say(`${who}: ${request}, ${times} times at once`)
      const lines = [...counts].map(([text, same]) => `  ${same.length} times ${text}`)
      for (const line of lines.toSorted((one, other) => one.localeCompare(other))) say(line)
    },
    command: async (who, ...args) => {
      const at = ['--admin', addressOf(gateway, 'admin')]
      const environment = { COUNTERSIGN_KEY: keys[who] ?? '' }
      const { exit, out, err } = await run([...args, ...at], { environment })
      const shown = args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg)).join(' ')
      say(`${who}: countersign ${shown}`)
      for (const line of `${out}${err}`.trimEnd().split('\n')) say(`  ${line}`)
      if (exit !== 0) say(`  (exit ${exit})`)
    },
    ready: async () => {
      const answer = await fetch(`${addressOf(gateway, 'admin')}/readyz`)
      say(`GET /readyz: ${answer.status} ${(await answer.text()).trim()}`)
    },
    wait: async (what, ms) => {
      clock.forward(ms)
      say(`(${what} later)`)
      // Timers that look at the time do so within a moment of it.
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    },
    restart: async () => {
      await gateway.close()
      gateway = await openGateway(await prepare(path), machine)
      say('(the gateway is ended and begun again)')
    },
  }
  try {
    await script(stage)
  } finally {
    await gateway.close()
    await ownership.release()
  }
  const recorded = await ledgerLines(join(root, 'data'), names)
  const shown = options.isRace === true ? counted(recorded) : recorded
  lines.push('', '# What the ledger says', ...shown)
  await checkLedger(join(root, 'data'), lines)
  return `${lines.join('\n').trim()}\n`
}

const SETTLE_MS = 150

function shiftedClock() {
  const { clock } = realMachine()
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>()
  let shiftMs = 0
  return {
    nowUs: () => clock.nowUs() + shiftMs * 1000,
    ticksMs: () => clock.ticksMs() + shiftMs,
    atTurnEnd: (run: () => void) => clock.atTurnEnd(run),
    after: (delayMs: number, run: () => void) => {
      const pending = { atMs: clock.ticksMs() + shiftMs + delayMs, run }
      timers.add(pending)
      const once = (): void => {
        if (timers.delete(pending)) run()
      }
      const timer = clock.after(delayMs, once)
      return {
        cancel: () => {
          timers.delete(pending)
          timer.cancel()
        },
      }
    },
    forward: (ms: number) => {
      shiftMs += ms
      const now = clock.ticksMs() + shiftMs
      for (const pending of Array.from(timers)) {
        if (pending.atMs <= now && timers.delete(pending)) pending.run()
      }
    },
  }
}

async function writeFiles(
  root: string,
  { policies, config, people, upstream }: StageOptions & { readonly upstream: string },
): Promise<Readonly<Record<string, string>>> {
  const { clock, random } = realMachine()
  const tokens: Record<string, string> = {}
  let text = ''
  for (const [principal, roles] of Object.entries(people)) {
    const made = createKey(text, { principal, roles: [...roles] }, { clock, random })
    text = made.text
    tokens[principal] = made.token
  }
  await mkdir(join(root, 'policies'))
  await writeFile(join(root, 'policies', 'all.cedar'), policies)
  await writeFile(join(root, 'keys.yaml'), text, { mode: 0o600 })
  const yaml = `version: 1
data: ./data
log: {level: silent}
identity: {keysFile: keys.yaml}
policies: {directory: policies}
listeners: [{name: main, host: 127.0.0.1, port: 0}]
upstreams: {orders: {url: '${upstream}'}}
routes: [{name: orders, path: /orders, upstream: orders}]
${config}`
  await writeFile(join(root, 'gateway.yaml'), yaml)
  return tokens
}

function addressOf({ addresses }: Gateway, name: string): string {
  const found = addresses.find((address) => address.startsWith(`${name} `))
  return found?.slice(name.length + 1) ?? ''
}

/** Of an answer what a caller goes by. */
function described(text: string): string {
  if (!text.startsWith('{')) return text.trim()
  const { reason, approval } = JSON.parse(text) as { reason: string; approval?: object }
  return approval === undefined ? reason : `${reason} ${JSON.stringify(approval)}`
}

/** Names for what chance makes, in the order in which it comes up. */
class Names {
  readonly #names = new Map<string, string>()
  readonly #counts = new Map<string, number>()

  clean(text: string): string {
    let clean = text
    for (const pattern of CLEAN)
      clean = clean.replace(pattern, pattern === CLEAN[0] ? 'TIME' : 'ID')
    return clean
      .replace(/\b([abc])-[0-9a-f]{16}\b/g, (id, kind: string) =>
        this.#nameOf(id, KIND[kind] ?? kind),
      )
      .replace(/\b[0-9a-f]{32}\b/g, (id) => this.#nameOf(id, 'person'))
      .replaceAll('\t', ' ')
  }

  idOf(name: string): string {
    return [...this.#names].find(([, known]) => known === name)?.[0] ?? name
  }

  #nameOf(id: string, kind: string): string {
    const known = this.#names.get(id)
    if (known !== undefined) return known
    const nth = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, nth)
    const name = `$${kind}${nth}`
    this.#names.set(id, name)
    return name
  }
}

const KIND: Readonly<Record<string, string>> = { a: 'approval', b: 'glass', c: 'measure' }

async function ledgerLines(data: string, names: Names): Promise<readonly string[]> {
  const lines: string[] = []
  const places = new Map<number, number>()
  const options = { disk: nodeDisk(), data, epoch: 1, kinds: KINDS }
  for await (const { index, kind, sections } of readRecords(options)) {
    const { who, what, why, when } = sections as Readonly<Record<string, Record<string, unknown>>>
    if (kind === 'admin' && what?.result === 'done' && String(what.operation).endsWith('list'))
      continue
    places.set(index, lines.length + 1)
    const about = (when?.about as { index: number } | undefined)?.index
    const parts = [
      kind,
      ...(who?.subject === undefined ? [] : [`by ${who.subject as string}`]),
      ...(about === undefined ? [] : [`about line ${places.get(about) ?? '?'}`]),
      ...(kind === 'intent' || kind === 'refusal' ? [decision(sections)] : [JSON.stringify(what)]),
      ...(why === undefined ? [] : [facts(why)]),
    ]
    lines.push(names.clean(`${String(lines.length + 1).padStart(2)} ${parts.join(' ')}`))
  }
  return lines
}

function counted(lines: readonly string[]): readonly string[] {
  const plain = lines.map((line) => line.slice(3).replace(/ about line \d+/, ''))
  return [...Map.groupBy(plain, (line) => line)]
    .map(([line, same]) => `${same.length} x ${line}`)
    .sort()
}

function decision(sections: object): string {
  const { who, what, why } = sections as Readonly<Record<string, Record<string, unknown>>>
  const principal = who?.principal as { id: string } | undefined
  return `${principal?.id} ${String(what?.method)} ${String(what?.path)}: ${String(why?.reason)}`
}

function facts({ facts: all = {} }: { readonly facts?: unknown }): string {
  const { grants, approval, breakGlass, containment } = all as Record<string, unknown>
  const kept = { grants, approval, breakGlass, containment }
  return JSON.stringify(kept) === '{}' ? '' : JSON.stringify(kept)
}

/** Whatever the script was about: the ledger holds, and every decision can be made again. */
async function checkLedger(data: string, lines: string[]): Promise<void> {
  const state = { environment: { XDG_STATE_HOME: join(data, '..', 'memory') } }
  const verified = await run(['verify', data], state)
  lines.push('', `countersign verify: exit ${verified.exit}`)
  const explained = await run(['policy', 'explain', '--all', '--data', data])
  lines.push(`countersign policy explain --all: exit ${explained.exit} ${explained.err.trim()}`)
}
