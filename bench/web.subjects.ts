// Who is measured: the gateway as it is run, and the proxies of others, each as its own process on
// one core, before the same upstream.
import type { ChildProcess } from 'node:child_process'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createKey } from '../packages/gateway/src/identity/index.ts'
import { systemClock, systemRandom } from '../packages/gateway/src/platform/index.ts'
import { OTHER_CORE, SUBJECT_CORE, startPinned } from './web.load.ts'

export const POLICIES = 50
export const BIG_BYTES = 100 * 1024
const MAIN = join(import.meta.dirname, '../packages/gateway/src/main.ts')
const UNRECORDED = join(import.meta.dirname, 'web.unrecorded.ts')

/** What every subject is given. */
export interface Bench {
  readonly directory: string
  readonly upstreamPort: number
  readonly apiKey: string
  readonly tokens: readonly string[]
}

/** One subject to start: where, and in a directory of its own. */
export interface Place {
  readonly port: number
  readonly directory: string
  readonly isTls?: boolean
}

/** How much a peer does beside forwarding. */
export type Work = 'plain' | 'log' | 'complete'

export interface GatewayWork {
  readonly policies: number
  readonly hasQuota: boolean
  readonly verifiedTokensMax?: number
  readonly isRecording?: boolean
  readonly recording?: 'strict' | 'relaxed'
  /** Of Node. */
  readonly flags?: readonly string[]
}

/** ES256 tokens of so many people, the key that a program has, and a certificate. */
export function makeCredentials(
  directory: string,
  tokens: number,
): Pick<Bench, 'apiKey' | 'tokens'> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' }
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify({ keys: [jwk] }))
  writeFileSync(join(directory, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  makeCertificate(directory)
  const making = { clock: systemClock(), random: systemRandom() }
  const { text, token: apiKey } = createKey('', { principal: 'bench:p0' }, making)
  writeFileSync(join(directory, 'keys.yaml'), text)
  const now = Math.floor(making.clock.nowUs() / 1_000_000)
  const made = Array.from({ length: tokens }, (_, at) => makeToken(privateKey, `p${at}`, now))
  return { apiKey, tokens: made }
}

function makeCertificate(directory: string): void {
  const [key, certificate] = [join(directory, 'tls.key'), join(directory, 'tls.crt')]
  const asked =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const files = ['-keyout', key, '-out', certificate]
  const made = spawnSync('openssl', [...asked.split(' '), ...files, ...names])
  if (made.status !== 0) throw new Error(`openssl req: ${String(made.stderr)}`)
  writeFileSync(join(directory, 'tls.pem'), readFileSync(certificate, 'utf8') + readFileSync(key))
}

function makeToken(key: KeyObject, sub: string, now: number): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { iss: 'https://idp.bench', aud: 'api', sub, client_id: 'app', jti: `t-${sub}` }
  const header = encode({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
  const input = `${header}.${encode({ ...claims, iat: now, exp: now + 7200 })}`
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

/** `start --config`, or the same configuration with a recorder that remembers nothing. */
export function startGateway(place: Place, work: GatewayWork, bench: Bench): ChildProcess {
  const { directory } = place
  mkdirSync(join(directory, 'policies'), { recursive: true })
  const permits = Array.from({ length: work.policies }, (_, at) =>
    at === 0
      ? '@id("reads") permit (principal, action in Action::"read", resource == Route::"all");'
      : `@id("p${at}") permit (principal in Group::"g${at}", action == Action::"DELETE", resource)
  when { resource.path like "/team-${at}/*" && context.tls };`,
  )
  writeFileSync(join(directory, 'policies', 'bench.cedar'), permits.join('\n'))
  const config = join(directory, 'countersign.yaml')
  writeFileSync(config, gatewayConfig(place, work, bench))
  const program =
    work.isRecording === false ? [UNRECORDED, config] : [MAIN, 'start', '--config', config]
  const command = [process.execPath, ...(work.flags ?? []), ...program]
  return startPinned(SUBJECT_CORE, command, directory)
}

function gatewayConfig(
  { port, isTls }: Place,
  { hasQuota, verifiedTokensMax, recording = 'strict' }: GatewayWork,
  { directory: shared, upstreamPort }: Bench,
): string {
  const tls =
    isTls === true ? `, tls: { certificate: ${shared}/tls.crt, key: ${shared}/tls.key }` : ''
  return `version: 1
gateway: bench
origin: bench
data: data
log: { level: error }
listeners: [{ name: main, host: 127.0.0.1, port: ${port}${tls} }]
admin: { host: 127.0.0.1, port: 0 }
identity:
  keysFile: ${shared}/keys.yaml
  verifiedTokensMax: ${verifiedTokensMax ?? 20_000}
  issuers:
    - name: bench
      issuer: https://idp.bench
      audiences: [api]
      jwksFile: ${shared}/jwks.json
      algorithms: [ES256]
policies: { directory: policies }
${hasQuota ? 'quotas: { each: { key: principal, limit: 1000000, window: 1s } }' : ''}
upstreams: { upstream: { url: "http://127.0.0.1:${upstreamPort}" } }
routes:
  - name: all
    path: /
    upstream: upstream
    record: ${recording}
    quotas: [${hasQuota ? 'each' : ''}]
`
}

export function startHaproxy(
  { port, directory, isTls }: Place,
  work: Work,
  { upstreamPort, directory: shared }: Bench,
): ChildProcess {
  mkdirSync(directory, { recursive: true })
  const line =
    '{"at":"%t","client":"%ci","method":"%HM","path":"%HP","status":%ST,"bytes":%B,"ms":%Ta}'
  const log = `
  log stdout format raw local0
  log-format '${line}'`
  const deciding = `
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
  bind 127.0.0.1:${port}${isTls === true ? ` ssl crt ${shared}/tls.pem` : ''}${
    work === 'plain' ? '' : log
  }${work === 'complete' ? deciding : ''}
  default_backend upstream
backend upstream
  server one 127.0.0.1:${upstreamPort}
`,
  )
  return startPinned(SUBJECT_CORE, ['haproxy', '-db', '-f', file], directory)
}

export function startNginx(
  { port, directory, isTls }: Place,
  work: Exclude<Work, 'complete'>,
  { upstreamPort, directory: shared }: Bench,
): ChildProcess {
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'nginx.conf')
  const certificate = `ssl_certificate ${shared}/tls.crt; ssl_certificate_key ${shared}/tls.key;`
  writeFileSync(
    file,
    `daemon off;
master_process off;
pid ${directory}/pid;
error_log ${directory}/errors crit;
events { worker_connections 1024; }
http {
  log_format record escape=json '{"at":"$time_iso8601","client":"$remote_addr",'
    '"method":"$request_method","uri":"$request_uri","status":$status,"bytes":$bytes_sent,'
    '"seconds":$request_time}';
  access_log ${work === 'log' ? `${directory}/access record` : 'off'};
  keepalive_requests 1000000000;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  upstream upstream {
    server 127.0.0.1:${upstreamPort};
    keepalive 128;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port}${isTls === true ? ' ssl' : ''};
    ${isTls === true ? certificate : ''}
    location / {
      proxy_pass http://upstream;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`,
  )
  return startPinned(SUBJECT_CORE, ['nginx', '-e', `${directory}/errors`, '-c', file], directory)
}

export function startCaddy(
  { port, directory, isTls }: Place,
  work: Exclude<Work, 'complete'>,
  { upstreamPort, directory: shared }: Bench,
): ChildProcess {
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'Caddyfile')
  const address = isTls === true ? `https://127.0.0.1:${port}` : `http://127.0.0.1:${port}`
  writeFileSync(
    file,
    `{
  admin off
  auto_https disable_redirects
  storage file_system ${directory}/storage
}
${address} {
  ${isTls === true ? `tls ${shared}/tls.crt ${shared}/tls.key` : ''}
  ${work === 'log' ? `log {\n    output file ${directory}/access\n    format json\n  }` : ''}
  reverse_proxy 127.0.0.1:${upstreamPort}
}
`,
  )
  const command = ['env', 'GOMAXPROCS=1', `HOME=${directory}`, 'caddy', 'run', '--config', file]
  return startPinned(SUBJECT_CORE, [...command, '--adapter', 'caddyfile'], directory)
}

/** One kilobyte, or a hundred at /big, from a program that costs the other core little. */
export function startUpstream(directory: string, port: number): ChildProcess {
  writeFileSync(join(directory, 'body'), Buffer.alloc(1024, 'b'))
  writeFileSync(join(directory, 'big'), Buffer.alloc(BIG_BYTES, 'b'))
  const file = join(directory, 'upstream.cfg')
  const answer = 'http-request return status 200 content-type application/octet-stream file'
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 1000
  tune.bufsize 262144
defaults
  mode http
  timeout client 600s
  timeout http-keep-alive 600s
frontend upstream
  bind 127.0.0.1:${port}
  ${answer} ${join(directory, 'big')} if { path /big }
  ${answer} ${join(directory, 'body')}
`,
  )
  return startPinned(OTHER_CORE, ['haproxy', '-db', '-f', file], directory)
}
