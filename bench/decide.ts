// npm run bench -- decide [--seconds 5] [--rounds 3]: what deciding costs. The gateway as it is run
// (`start --config`) on one core: with API keys; with JWTs that are known and that are not; with
// policies; with quotas. Beside it, in the same rounds and on the same core, HAProxy: bare, and
// with its own JWT check, a limit from a stick table and a line of log for each request.
// Needs haproxy and wrk (Debian packages of these names).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createKey } from '../packages/gateway/src/identity/index.ts'
import { systemClock, systemRandom } from '../packages/gateway/src/platform/index.ts'
import type { BenchResult } from './run.ts'

const TOKENS = 1000
const CONNECTIONS = 64
const WARM_UP_SECONDS = 3
const POLICIES = 50
const [SUBJECT_CORE, OTHER_CORE] = ['0', '1']
const MAIN = join(import.meta.dirname, '../packages/gateway/src/main.ts')
/** Clock ticks of a second in /proc/PID/stat, on every Linux there is. */
const TICKS_PER_SECOND = 100

const MODES = ['keys', 'jwt', 'jwtUnknown', 'policies', 'complete', 'haproxy', 'haproxyComplete']
type Mode = (typeof MODES)[number]

interface Measured {
  readonly requestsPerSecond: number
  readonly cpuUsPerRequest: number
}

interface Bench {
  readonly directory: string
  readonly upstreamPort: number
  readonly apiKey: string
  readonly tokens: readonly string[]
}

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
    },
  })
  const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)]
  for (const program of ['haproxy', 'wrk', 'taskset']) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status === 0) continue
    throw new Error(`${program} is missing: apt-get install haproxy wrk util-linux`)
  }
  const directory = join(import.meta.dirname, `.decide-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const upstreamPort = await freePort()
  const upstream = startUpstream(directory, upstreamPort)
  const results: Record<Mode, Measured[]> = Object.fromEntries(MODES.map((mode) => [mode, []]))
  try {
    const bench = { directory, upstreamPort, ...makeCredentials(directory) }
    await answers(upstreamPort, '/')
    for (let round = 0; round < rounds; round += 1) {
      for (const mode of MODES) {
        const measured = await measure(mode, bench, seconds)
        results[mode]?.push(measured)
        process.stderr.write(`${mode} ${JSON.stringify(measured)}\n`)
      }
    }
  } finally {
    upstream.kill()
    rmSync(directory, { recursive: true, force: true })
  }
  return { bench: 'decide', figures: figuresOf(results, { seconds, rounds }) }
}

function figuresOf(
  results: Readonly<Record<Mode, readonly Measured[]>>,
  run: { readonly seconds: number; readonly rounds: number },
): Readonly<Record<string, unknown>> {
  const of = (mode: Mode): Measured => median(results[mode] ?? [])
  const cpu = (mode: Mode): number => of(mode).cpuUsPerRequest
  const share = (added: number): number => rounded(added / cpu('complete'))
  const added = {
    jwtKnownUs: rounded(cpu('jwt') - cpu('keys')),
    jwtUnknownUs: rounded(cpu('jwtUnknown') - cpu('keys')),
    policiesUs: rounded(cpu('policies') - cpu('jwt')),
    quotaUs: rounded(cpu('complete') - cpu('policies')),
  }
  return {
    ...run,
    connections: CONNECTIONS,
    tokens: TOKENS,
    tokenChoice: 'Zipf(1); uniform, and two remembered, in jwtUnknown',
    jwtHitRate: rounded(1 - TOKENS / (of('jwt').requestsPerSecond * run.seconds)),
    jwtUnknownHitRateMax: rounded(2 / TOKENS),
    policiesInForce: POLICIES,
    ...Object.fromEntries(MODES.map((mode) => [mode, of(mode)])),
    added,
    shareOfComplete: Object.fromEntries(
      Object.entries(added).map(([name, us]) => [name.replace('Us', ''), share(us)]),
    ),
    throughputToHaproxyComplete: rounded(
      of('complete').requestsPerSecond / of('haproxyComplete').requestsPerSecond,
    ),
    cpuToHaproxyComplete: rounded(cpu('complete') / cpu('haproxyComplete')),
  }
}

async function measure(mode: Mode, bench: Bench, seconds: number): Promise<Measured> {
  const port = await freePort()
  const directory = join(bench.directory, mode)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(join(directory, 'policies'), { recursive: true })
  const isPeer = mode.startsWith('haproxy')
  const subject = isPeer
    ? startHaproxy(mode, port, directory, bench)
    : startGateway(mode, port, directory, bench)
  try {
    const script = writeLoad(mode, directory, bench)
    await answers(port, '/orders/7')
    await load(port, script, WARM_UP_SECONDS)
    const before = cpuUs(subject)
    const requests = await load(port, script, seconds)
    const after = cpuUs(subject)
    return {
      requestsPerSecond: Math.round(requests / seconds),
      cpuUsPerRequest: rounded((after - before) / requests),
    }
  } finally {
    subject.kill('SIGKILL')
    if (subject.exitCode === null && subject.signalCode === null) await once(subject, 'exit')
  }
}

/** ES256 tokens of a thousand people, and the key that a program has. */
function makeCredentials(directory: string): Pick<Bench, 'apiKey' | 'tokens'> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' }
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify({ keys: [jwk] }))
  writeFileSync(join(directory, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  const making = { clock: systemClock(), random: systemRandom() }
  const { text, token: apiKey } = createKey('', { principal: 'bench:p0' }, making)
  writeFileSync(join(directory, 'keys.yaml'), text)
  const now = Math.floor(making.clock.nowUs() / 1_000_000)
  const tokens = Array.from({ length: TOKENS }, (_, at) => makeToken(privateKey, `p${at}`, now))
  return { apiKey, tokens }
}

function makeToken(key: KeyObject, sub: string, now: number): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { iss: 'https://idp.bench', aud: 'api', sub, client_id: 'app', jti: `t-${sub}` }
  const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
  const input = `${header}.${encode({ ...claims, iat: now, exp: now + 7200 })}`
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

function startGateway(
  mode: Mode,
  port: number,
  directory: string,
  { upstreamPort, directory: shared }: Bench,
): ChildProcess {
  const count = mode === 'policies' || mode === 'complete' ? POLICIES : 1
  const permits = Array.from({ length: count }, (_, at) =>
    at === 0
      ? '@id("reads") permit (principal, action in Action::"read", resource == Route::"all");'
      : `@id("p${at}") permit (principal in Group::"g${at}", action == Action::"DELETE", resource)
  when { resource.path like "/team-${at}/*" && context.tls };`,
  )
  writeFileSync(join(directory, 'policies', 'bench.cedar'), permits.join('\n'))
  const quotas =
    mode === 'complete' ? 'quotas: { each: { key: principal, limit: 1000000, window: 1s } }' : ''
  const config = join(directory, 'countersign.yaml')
  writeFileSync(
    config,
    `version: 1
gateway: bench
origin: bench
data: data
log: { level: error }
listeners: [{ name: main, host: 127.0.0.1, port: ${port} }]
admin: { host: 127.0.0.1, port: 0 }
identity:
  keysFile: ${shared}/keys.yaml
  verifiedTokensMax: ${mode === 'jwtUnknown' ? 2 : 20_000}
  issuers:
    - name: bench
      issuer: https://idp.bench
      audiences: [api]
      jwksFile: ${shared}/jwks.json
      algorithms: [ES256]
policies: { directory: policies }
${quotas}
upstreams: { upstream: { url: "http://127.0.0.1:${upstreamPort}" } }
routes: [{ name: all, path: /, upstream: upstream${quotas === '' ? '' : ', quotas: [each]'} }]
`,
  )
  return start(SUBJECT_CORE, [process.execPath, MAIN, 'start', '--config', config], directory)
}

function startHaproxy(
  mode: Mode,
  port: number,
  directory: string,
  { upstreamPort, directory: shared }: Bench,
): ChildProcess {
  const deciding = `
  log stdout format raw local0
  option httplog
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.iss) -m str https://idp.bench }
  http-request deny deny_status 401 unless { var(txn.aud) -m str api }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request set-var(txn.holds) var(txn.bearer),jwt_verify(txn.alg,"${shared}/public.pem")
  http-request deny deny_status 401 unless { var(txn.holds) -m int 1 }
  stick-table type string len 64 size 100k expire 60s store http_req_rate(1s)
  http-request track-sc0 var(txn.bearer),jwt_payload_query('$.sub')
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }`
  const file = join(directory, 'haproxy.cfg')
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend main
  bind 127.0.0.1:${port}${mode === 'haproxyComplete' ? deciding : ''}
  default_backend upstream
backend upstream
  server one 127.0.0.1:${upstreamPort}
`,
  )
  return start(SUBJECT_CORE, ['haproxy', '-db', '-f', file], directory)
}

/** One kilobyte for whoever asks, from a program that costs the other core as little as can be. */
function startUpstream(directory: string, port: number): ChildProcess {
  const body = join(directory, 'body')
  writeFileSync(body, Buffer.alloc(1024, 'b'))
  const file = join(directory, 'upstream.cfg')
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout client 60s
  timeout http-keep-alive 60s
frontend upstream
  bind 127.0.0.1:${port}
  http-request return status 200 content-type application/octet-stream file ${body}
`,
  )
  return start(OTHER_CORE, ['haproxy', '-db', '-f', file], directory)
}

function start(core: string, command: readonly string[], directory: string): ChildProcess {
  const out = openSync(join(directory, 'output'), 'a')
  try {
    return spawn('taskset', ['-c', core, ...command], { stdio: ['ignore', out, out] })
  } finally {
    closeSync(out)
  }
}

/** What wrk sends: one request for each credential, chosen as people come, by Zipf's law. */
function writeLoad(mode: Mode, directory: string, { tokens, apiKey }: Bench): string {
  const credentials = mode === 'keys' ? [apiKey] : tokens
  const list = join(directory, 'credentials')
  writeFileSync(list, `${credentials.join('\n')}\n`)
  const weight = mode === 'jwtUnknown' ? '1' : '1 / at'
  const script = join(directory, 'load.lua')
  writeFileSync(
    script,
    `local requests, sums, total, at = {}, {}, 0, 0
init = function()
  for token in io.lines("${list}") do
    at = at + 1
    total = total + ${weight}
    sums[at] = total
    requests[at] = wrk.format("GET", "/orders/7", { authorization = "Bearer " .. token })
  end
  math.randomseed(7)
end
request = function()
  local wanted, low, high = math.random() * total, 1, at
  while low < high do
    local middle = math.floor((low + high) / 2)
    if sums[middle] < wanted then low = middle + 1 else high = middle end
  end
  return requests[low]
end
`,
  )
  return script
}

/** Requests that were answered with 200; any other answer fails the bench. */
async function load(port: number, script: string, seconds: number): Promise<number> {
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script]
  const wrk = spawn('taskset', ['-c', OTHER_CORE, 'wrk', ...options, `http://127.0.0.1:${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const text = Buffer.concat(await wrk.stdout.toArray()).toString()
  const wrong = /(Non-2xx or 3xx responses|Socket errors).*/.exec(text)
  if (wrong !== null) throw new Error(`${script}: ${wrong[0]}`)
  return Number(/(\d+) requests in/.exec(text)?.[1] ?? 0)
}

/** CPU that a process has used in all its threads, microseconds. */
function cpuUs({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [user = '0', system = '0'] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return ((Number(user) + Number(system)) * 1_000_000) / TICKS_PER_SECOND
}

async function answers(port: number, path: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined)
    await response?.arrayBuffer()
    if (response !== undefined) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`nothing answers on ${port}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function median(rounds: readonly Measured[]): Measured {
  const sorted = rounds.toSorted((one, other) => one.cpuUsPerRequest - other.cpuUsPerRequest)
  return sorted[Math.floor(sorted.length / 2)] ?? { requestsPerSecond: 0, cpuUsPerRequest: 0 }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
