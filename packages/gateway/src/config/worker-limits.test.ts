import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from './config-error.ts'
import { parseConfig } from './parse-config.ts'

interface Parts {
  readonly identity?: string
  readonly listener?: string
  readonly upstream?: string
  readonly route?: string
  readonly more?: string
}

const URLS = 'issuer: "https://i.example", externalUrl: "https://g.example"'
const LOGIN = `{ name: l, clientId: c, clientSecret: { env: S }, ${URLS} }`
const TEMPLATE = '{ approvers: [{ role: r }], methods: [GET], path: /a }'
const ISSUER = 'issuers: [{ name: a, issuer: "https://a.example", audiences: [x] }]'
const SHARED = 'dpop: { replaysFile: seen }'

function problems(workers: number, parts: Parts): readonly string[] {
  const { identity = SHARED, listener = '', upstream = '', route = '', more = '' } = parts
  const text = `version: 1
workers: ${workers}
identity: { keysFile: keys.yaml, ${identity} }
policies: { directory: policies }
listeners: [{ name: main, port: 8080 ${listener} }]
upstreams: { orders: { url: "https://orders.example" ${upstream} } }
routes: [{ name: orders, path: /orders, upstream: orders ${route} }]
${more}`
  try {
    parseConfig('/etc/gateway.yaml', new TextEncoder().encode(text))
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ path, message }) => `${path}: ${message}`)
  }
}

const ACME =
  'acme: { directory: "https://ca.example/d", domains: [a.example], termsOfServiceAgreed: true }'
for (const [name, parts, path] of [
  ['tokens whose proofs only memory knows', { identity: ISSUER }, 'identity.dpop.replaysFile'],
  [
    'nonces of one process',
    { identity: `${ISSUER}, dpop: { replaysFile: seen, nonce: always }` },
    'identity.dpop.nonce',
  ],
] as const) {
  test(`several workers cannot share ${name}, and one has it alone`, () => {
    const [problem = 'none', ...others] = problems(2, parts)
    assert.ok(problem.startsWith(`${path}: several workers cannot share it yet: `), problem)
    assert.match(problem, /, or workers: 1$/)
    assert.deepEqual(others, [])
    assert.deepEqual(problems(1, parts), [])
  })
}

for (const [name, parts] of [
  ['nothing of the kind', {}],
  ['tokens whose proofs a file knows', { identity: `${ISSUER}, ${SHARED}` }],
  ['keys alone, which no proof is bound to', { identity: '' }],
  ['certificates of our own asking', { listener: `, tls: { ${ACME} }` }],
  ['sessions', { identity: `${SHARED}, logins: [${LOGIN}]` }],
  ['captured bodies', { route: ', capture: {}' }],
  ['relaxed recording', { route: ', record: relaxed' }],
  ['services of somebody else', { upstream: ', egress: {}' }],
  ['approvals', { more: `approvals: { templates: { a: ${TEMPLATE} } }` }],
  ['glass to break', { more: 'breakGlass: { members: [{ role: r }] }' }],
] as const) {
  test(`several workers share ${name}`, () => assert.deepEqual(problems(2, parts), []))
}

test('as many as that are too many', () => {
  assert.deepEqual(problems(65, {}), ['workers: too big: expected number to be <=64'])
})
