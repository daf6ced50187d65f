// node scripts/make-dictionary.ts: writes the static dictionary that packs are compressed with. It
// is made from the invented sections below, never from data of anybody. A dictionary that was
// released is kept for ever: a change is a new number, beside the old one (docs/format.md).
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { JsonScan } from '../packages/gateway/src/vault/json-scan.ts'

const NUMBER = 1
const UUID = '01900000-0000-7000-8000-000000000000'
const TIME = '2026-01-01T00:00:00.000000Z'
const HEX32 = '0'.repeat(64)
const KEY_ID = '0'.repeat(32)
const TRACE = `00-${KEY_ID}-${'0'.repeat(16)}-01`
const BODY = { bytes: 1, sha256: HEX32 }
const PLACE = { epoch: 1, index: 1 }

const WHEN = { v: 1, kind: 'system', id: UUID, at: TIME, gateway: 'gateway', incarnation: UUID }
const { at, gateway, incarnation } = WHEN
const WHEN_EXCHANGE = { v: 1, kind: 'intent', id: UUID, exchange: UUID, at, gateway, incarnation }
const TLS = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }
const WHAT = {
  method: 'GET',
  scheme: 'https',
  authority: 'api.example.com',
  path: '/',
  query: 'a=b',
  protocol: 'HTTP/1.1',
  route: 'api',
  operation: 'read',
}
const WHY = {
  verdict: 'allow',
  reason: 'policy-permits',
  policies: ['policy'],
  policySetSha256: HEX32,
  configurationSha256: HEX32,
  requestSha256: HEX32,
}
const TIMINGS = { connectUs: 1, sentUs: 1, headUs: 1, endUs: 1 }
const HOW = { ended: 'released', status: 200, source: 'upstream', request: BODY, response: BODY }
const USER = { id: 'a@example.com', kind: 'user', issuer: 'https://login.example.com/' }
const CREDENTIAL = { method: 'api-key', id: 'cs_' }

/** What stands late is found at the least distance: rarest first. */
const SECTIONS: readonly object[] = [
  { act: 'stop', cause: 'signal' },
  { act: 'start', version: '0.1.0', runtime: 'node', rollbackProtection: 'none' },
  { act: 'recovery', size: 1, root: HEX32, interrupted: 1 },
  { epoch: 1, origin: 'example.com/log', vkeys: ['example.com/log+00000000+'] },
  { act: 'created', use: 'api', key: 'cs_', subject: 'a@example.com', expires: TIME },
  { act: 'heartbeat', openIntents: 1 },
  { files: [{ path: 'persons/0000000000000000', sha256: HEX32, bytes: 1 }] },
  {
    files: [
      { path: 'records/x000/000', sha256: HEX32, bytes: 1 },
      { path: 'acts/x000/000', sha256: HEX32, bytes: 1 },
    ],
  },
  { keys: { who: KEY_ID, actor: KEY_ID, where: KEY_ID } },
  { keys: { where: KEY_ID } },
  { keys: { who: KEY_ID, where: KEY_ID } },
  { ended: 'interrupted' },
  { ended: 'released', status: 403, source: 'gateway', error: 'no-policy-permits', response: BODY },
  { ended: 'client-aborted', status: 200, source: 'upstream' },
  HOW,
  { upstream: 'api', address: '10.0.0.1:443', attempts: 1, timings: TIMINGS },
  {
    upstream: 'api',
    address: '10.0.0.1:443',
    attempts: 1,
    timings: TIMINGS,
    status: 200,
    response: BODY,
  },
  { ...WHY, verdict: 'deny', reason: 'no-policy-permits' },
  { ...WHY, facts: { method: 'GET', path: '/', route: 'api' } },
  WHY,
  { ...WHAT, headers: { accept: ['*/*'], 'content-type': ['application/json'] } },
  { ...WHAT, body: BODY, traceparent: TRACE },
  WHAT,
  { ...WHEN_EXCHANGE, kind: 'outcome', about: PLACE },
  WHEN_EXCHANGE,
  { ...WHEN, about: PLACE, clock: 'unknown' },
  WHEN,
  { address: '192.0.2.1', port: 1, forwarded: ['192.0.2.1'] },
  { principal: { id: 'anonymous', kind: 'anonymous' } },
  { principal: { id: 'service', kind: 'service', issuer: USER.issuer }, credential: CREDENTIAL },
  { principal: USER, credential: { ...CREDENTIAL, sha256: HEX32, expires: TIME } },
  { principal: USER, credential: CREDENTIAL, facts: { groups: ['a', 'b'], roles: ['c'] } },
  { principal: USER, credential: CREDENTIAL },
  { address: '192.0.2.1', port: 1, userAgent: 'curl/8.0.0' },
  { address: '2001:db8::1', port: 1, tls: { ...TLS, serverName: 'api.example.com', alpn: 'h2' } },
  {
    address: '192.0.2.1',
    port: 1,
    tls: { ...TLS, serverName: 'api.example.com', alpn: 'http/1.1' },
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1',
  },
]

/** Texts as columns hold them: one a line. */
const TEXTS = [
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'python-requests/2.32.0\nokhttp/4.12.0\nGo-http-client/1.1\ncurl/8.0.0',
  'records/\nacts/\npersons/\nblock\nsystem\nheartbeat\nrefusal\noutcome' +
    '\nintent\nreleased\nupstream',
  'application/json\nHTTP/1.1\nhttps\nGET\nPOST\nPUT\nDELETE\nPATCH\nallow\ndeny\npolicy-permits',
  'anonymous\nservice\nuser\nhttps://login.\napi-key\ncs_\n192.168.\n10.0.\n203.0.113.',
  'TLSv1.3\nTLS_AES_256_GCM_SHA384\nTLS_AES_128_GCM_SHA256\nhttp/1.1\nh2\n',
]

const scan = new JsonScan()
const skeletons = SECTIONS.map((section) => {
  const bytes = Buffer.from(JSON.stringify(section))
  if (!scan.scan(bytes, 0, bytes.length)) throw new Error('section is not cut')
  return scan.skeleton.toString('latin1', 0, scan.skeletonLength)
})
const dictionary = `${TEXTS.join('\n')}${skeletons.join('\u0010')}`
const generated = join(import.meta.dirname, '../packages/gateway/src/vault/generated')
const lines = JSON.stringify(dictionary).replaceAll('\u007f', '\\u007f')
writeFileSync(
  join(generated, `dictionary-${NUMBER}.ts`),
  `// Made by scripts/make-dictionary.ts from invented examples. Never changed once released.
export const DICTIONARY_${NUMBER} =
  ${lines}
`,
)
process.stdout.write(`${dictionary.length} bytes\n`)
