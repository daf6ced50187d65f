// Policies and requests as fast-check makes them: every operator of the language, facts that meet.
import fc from 'fast-check'
import type { Question } from '../../packages/gateway/src/policy/index.ts'

/** Texts that policies and requests both have, so that they meet. */
const WORDS = ['', 'a', 'ada', 'sales', '/orders/7', '/orders/secret', 'é😀', '*', '\\', '"', 'x y']
const NAMES = ['ada', 'bob', 'build', 'anonymous']
const GROUPS = ['readers', 'clerks', 'sales']
const TAGS = ['department', 'id', 'x-tenant', 'level']
const ADDRESSES = [
  '127.0.0.1',
  '192.0.2.7',
  '10.1.2.3',
  '224.0.0.5',
  '::1',
  '2001:db8::7',
  'ff02::1',
]
const RANGES = ['127.0.0.0/8', '192.0.2.0/24', '0.0.0.0/0', '10.1.2.3/31', '2001:db8::/32', '::/0']
const LONGS = [
  '0',
  '1',
  '-1',
  '2',
  '7',
  '1000',
  '86400000',
  '9007199254740991',
  '-9007199254740991',
]
const HUGE = ['9223372036854775807', '-9223372036854775808', '9007199254740993']
const DECIMALS = ['0.0', '1.5', '-1.5', '1.50', '922337203685477.5807', '-0.0001', '12.3456']
const TIMES = ['2026-11-21', '2026-11-21T08:00:00Z', '1969-12-31T23:59:59.999Z', '0000-01-01']
const MORE_TIMES = ['9999-12-31T23:59:59.999+2359', '2026-11-21T08:00:00+0130', '2024-02-29']
const DURATIONS = [
  '0ms',
  '1d',
  '-1d',
  '15m',
  '1h30m',
  '-1d12h30m5s7ms',
  '106751991167d7h12m55s807ms',
]

interface ExpressionKinds {
  readonly bool: string
  readonly long: string
  readonly text: string
  readonly texts: string
  readonly longs: string
  readonly entity: string
  readonly ip: string
  readonly decimal: string
  readonly time: string
  readonly duration: string
}

type Kind = keyof ExpressionKinds
const KINDS: readonly Kind[] = [
  'bool',
  'long',
  'text',
  'texts',
  'longs',
  'entity',
  'ip',
  'decimal',
  'time',
  'duration',
]

const quoted = (text: string): string => {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  return `"${escaped}"`
}
const word = fc.constantFrom(...WORDS).map(quoted)
const tag = fc.constantFrom(...TAGS).map(quoted)
const call = (name: string, values: readonly string[]): fc.Arbitrary<string> =>
  fc.constantFrom(...values).map((value) => `${name}("${value}")`)
const pattern = fc
  .array(fc.constantFrom('*', '\\*', '/', 'orders', 'a', 'é😀', 'secret', '\\\\', ' '), {
    maxLength: 5,
  })
  .map((parts) => `"${parts.join('')}"`)
const entityName = fc.oneof(
  fc.constantFrom(...NAMES).map((name) => `User::"${name}"`),
  fc.constantFrom(...NAMES).map((name) => `Service::"${name}"`),
  fc.constantFrom(...GROUPS).map((name) => `Group::"${name}"`),
  fc.constantFrom(...GROUPS).map((name) => `Role::"${name}"`),
  fc.constantFrom('orders', 'bills').map((name) => `Route::"${name}"`),
  fc.constantFrom('demo', 'other').map((name) => `Upstream::"${name}"`),
  fc.constantFrom('GET', 'POST', 'read', 'write').map((name) => `Action::"${name}"`),
)
const unknownEntity = fc.constantFrom('Action::"BREW"', 'Planet::"mars"', 'User::""')

/** Expressions of each kind. With `isWild` one in ten is of another kind than its place has. */
function expressions(isWild: boolean): { readonly [kind in Kind]: fc.Arbitrary<string> } {
  const { expression } = fc.letrec<{ expression: Record<Kind, string> } & ExpressionKinds>(
    (tie) => {
      const of = (kind: Kind): fc.Arbitrary<string> => {
        const other = fc.oneof(...KINDS.map((each) => tie(each) as fc.Arbitrary<string>))
        if (!isWild) return tie(kind) as fc.Arbitrary<string>
        return fc.oneof({ arbitrary: tie(kind) as fc.Arbitrary<string>, weight: 12 }, other)
      }
      const all: Record<Kind, fc.Arbitrary<string>> = {
        bool: bools(of),
        long: longs(of, isWild),
        text: texts(of, isWild),
        texts: textSets(of, isWild),
        longs: longSets(of),
        entity: entities(of, isWild),
        ip: leafy([call('ip', [...ADDRESSES, ...RANGES]), fc.constant('context.address')], [], of),
        decimal: call('decimal', DECIMALS),
        time: times(of),
        duration: durations(of),
      }
      return { ...all, expression: fc.record(all) }
    },
  ) as unknown as { expression: fc.Arbitrary<Record<Kind, string>> }
  const pick = (kind: Kind): fc.Arbitrary<string> => expression.map((each) => each[kind])
  return Object.fromEntries(KINDS.map((kind) => [kind, pick(kind)])) as never
}

type Of = (kind: Kind) => fc.Arbitrary<string>

/** Small ones mostly: what is deep is one of many. */
function leafy(
  leaves: readonly fc.Arbitrary<string>[],
  branches: readonly fc.Arbitrary<string>[],
  _of: Of,
): fc.Arbitrary<string> {
  return fc.oneof({ maxDepth: 3, depthSize: 'small' }, fc.oneof(...leaves), ...branches)
}

function infix(
  of: Of,
  left: Kind,
  operators: readonly string[],
  right = left,
): fc.Arbitrary<string> {
  return fc
    .tuple(of(left), fc.constantFrom(...operators), of(right))
    .map(([a, operator, b]) => `(${a} ${operator} ${b})`)
}

function method(of: Of, left: Kind, names: readonly string[], right?: Kind): fc.Arbitrary<string> {
  const argument = right === undefined ? fc.constant('') : of(right)
  return fc
    .tuple(of(left), fc.constantFrom(...names), argument)
    .map(([object, name, value]) => `(${object}).${name}(${value})`)
}

function choice(of: Of, kind: Kind): fc.Arbitrary<string> {
  return fc
    .tuple(of('bool'), of(kind), of(kind))
    .map(([condition, yes, no]) => `(if ${condition} then ${yes} else ${no})`)
}

function bools(of: Of): fc.Arbitrary<string> {
  const attribute = fc.constantFrom(
    'kind',
    'groups',
    'nothing',
    'mfaAge',
    'operation',
    'connection',
    'upstream',
  )
  const holder = fc.constantFrom('principal', 'resource', 'context', 'context.headers', 'action')
  const leaves = [
    fc.constantFrom('true', 'false', 'context.tls', 'context.breakGlass'),
    fc.constantFrom('(context.operation == "a")', '(context.operation like "t*")'),
    fc.tuple(of('text'), pattern).map(([text, form]) => `(${text} like ${form})`),
    fc.tuple(holder, attribute).map(([object, name]) => `(${object} has ${name})`),
    fc.constantFrom(
      '(context has connection.serverName)',
      '(context has connection && context.connection.version == "TLSv1.3")',
      '(context has mfaAge && context.mfaAge <= duration("15m"))',
      '(context.headers.hasTag("x-tenant") && context.headers.getTag("x-tenant").contains("a"))',
      '(resource.hasTag("id") && resource.getTag("id") == principal.issuer)',
      '(principal == principal && {a: 1, b: {c: "x"}}.b.c == "x")',
      '({a: [1, 2], b: true} == {b: true, a: [2, 1, 1]})',
      '(principal.hasTag("level") && principal.getTag("level").containsAny(principal.roles))',
    ),
  ]
  const branches = [
    of('bool').map((bool) => `!(${bool})`),
    infix(of, 'bool', ['&&', '||', '==', '!=']),
    infix(of, 'long', ['==', '!=', '<', '<=', '>', '>=']),
    infix(of, 'text', ['==', '!=']),
    infix(of, 'texts', ['==', '!=']),
    infix(of, 'time', ['==', '!=', '<', '<=', '>', '>=']),
    infix(of, 'duration', ['==', '!=', '<', '<=', '>', '>=']),
    infix(of, 'ip', ['==', '!=']),
    infix(of, 'decimal', ['==', '!=']),
    infix(of, 'entity', ['==', 'in']),
    fc.constantFrom(...NAMES).map((name) => `(principal == User::"${name}")`),
    fc.constantFrom('GET', 'PUT').map((name) => `(action == Action::"${name}")`),
    fc
      .tuple(of('entity'), fc.array(entityName, { minLength: 1, maxLength: 3 }))
      .map(([entity, names]) => `(${entity} in [${names.join(', ')}])`),
    fc
      .tuple(
        of('entity'),
        fc.constantFrom('User', 'Service', 'Route', 'Action', 'Group'),
        of('entity'),
      )
      .map(([entity, type, other]) => `(${entity} is ${type} in ${other})`),
    fc
      .tuple(of('entity'), fc.constantFrom('User', 'Anonymous', 'Upstream'))
      .map(([entity, type]) => `(${entity} is ${type})`),
    method(of, 'texts', ['contains'], 'text'),
    method(of, 'longs', ['contains'], 'long'),
    method(of, 'texts', ['containsAll', 'containsAny'], 'texts'),
    method(of, 'longs', ['containsAll', 'containsAny'], 'longs'),
    method(of, 'texts', ['isEmpty']),
    method(of, 'ip', ['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast']),
    method(of, 'ip', ['isInRange'], 'ip'),
    method(
      of,
      'decimal',
      ['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'],
      'decimal',
    ),
    fc.tuple(of('entity'), tag).map(([entity, name]) => `(${entity}).hasTag(${name})`),
    choice(of, 'bool'),
  ]
  return leafy(leaves, branches, of)
}

function longs(of: Of, isWild: boolean): fc.Arbitrary<string> {
  const literal = fc.constantFrom(...LONGS)
  const huge = fc.constantFrom(...HUGE)
  const leaf = isWild ? literal : fc.oneof({ arbitrary: literal, weight: 30 }, huge)
  const units = ['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays']
  return leafy(
    [leaf],
    [
      infix(of, 'long', ['+', '-', '*']),
      of('long').map((long) => `-(${long})`),
      method(of, 'duration', units),
      choice(of, 'long'),
    ],
    of,
  )
}

function texts(of: Of, isWild: boolean): fc.Arbitrary<string> {
  const known = fc.constantFrom(
    'principal.kind',
    'principal.issuer',
    'resource.path',
    'resource.host',
    'resource.upstream',
    'context.credential',
  )
  const risky = fc.tuple(entityName, fc.constantFrom('kind', 'path')).map(([e, a]) => `${e}.${a}`)
  // Of an entity that need not be there: an error, unless the request is about it.
  const absent = fc.constantFrom('User::"ada".kind', 'Service::"bob".issuer', 'Route::"bills".path')
  return leafy([word, known, isWild ? risky : absent], [choice(of, 'text')], of)
}

function textSets(of: Of, isWild: boolean): fc.Arbitrary<string> {
  const known = fc.constantFrom(
    'principal.groups',
    'principal.roles',
    'context.scopes',
    'context.grants',
  )
  const literal = fc
    .array(fc.oneof(word, of('text')), { minLength: 1, maxLength: 4 })
    .map((items) => `[${items.join(', ')}]`)
  const tags = fc.tuple(of('entity'), tag).map(([entity, name]) => `(${entity}).getTag(${name})`)
  const guarded = fc
    .tuple(fc.constantFrom('principal', 'context.headers', 'User::"ada"'), tag, of('texts'))
    .map(([e, name, other]) => `(if ${e}.hasTag(${name}) then ${e}.getTag(${name}) else ${other})`)
  const branches = [literal, guarded, choice(of, 'texts')]
  return leafy([known], isWild ? [...branches, tags] : branches, of)
}

function longSets(of: Of): fc.Arbitrary<string> {
  return fc
    .array(of('long'), { minLength: 1, maxLength: 3 })
    .map((items) => `[${items.join(', ')}]`)
}

function entities(of: Of, isWild: boolean): fc.Arbitrary<string> {
  const variables = fc.constantFrom('principal', 'action', 'resource', 'context.headers')
  if (!isWild) return leafy([variables, entityName], [], of)
  return leafy([variables, entityName, unknownEntity], [choice(of, 'entity')], of)
}

function times(of: Of): fc.Arbitrary<string> {
  return leafy(
    [call('datetime', [...TIMES, ...MORE_TIMES]), fc.constant('context.time')],
    [method(of, 'time', ['offset'], 'duration'), method(of, 'time', ['toDate'])],
    of,
  )
}

function durations(of: Of): fc.Arbitrary<string> {
  return leafy(
    [call('duration', DURATIONS)],
    [method(of, 'time', ['durationSince'], 'time'), method(of, 'time', ['toTime'])],
    of,
  )
}

const principalScope = fc.oneof(
  fc.constantFrom('principal', 'principal is User'),
  fc.constantFrom('principal', 'principal is Service in Group::"clerks"'),
  fc.constantFrom('principal', 'principal == Anonymous::"anonymous"'),
  fc.constantFrom(...NAMES).map((name) => `principal == User::"${name}"`),
  fc.constantFrom(...GROUPS).map((name) => `principal in Group::"${name}"`),
  fc.constantFrom(...GROUPS).map((name) => `principal is User in Role::"${name}"`),
)
const actionScope = fc.oneof(
  fc.constantFrom('action', 'action == Action::"GET"', 'action in Action::"read"'),
  fc.constantFrom('action in [Action::"write", Action::"GET"]', 'action in Action::"write"'),
)
const resourceScope = fc.constantFrom(
  'resource',
  'resource == Route::"orders"',
  'resource in Upstream::"demo"',
  'resource is Route in Upstream::"other"',
  'resource is Route',
  'resource',
)

/** A policy as text. */
export function policies(isWild: boolean): fc.Arbitrary<string> {
  const { bool } = expressions(isWild)
  const clause = fc
    .tuple(fc.constantFrom('when', 'unless'), bool)
    .map(([kind, body]) => `${kind} { ${body} }`)
  return fc
    .tuple(
      fc.constantFrom('permit', 'permit', 'forbid', '@approval("t") permit'),
      principalScope,
      actionScope,
      resourceScope,
      fc.array(clause, { minLength: 0, maxLength: 2 }),
    )
    .map(([effect, principal, action, resource, clauses]) => {
      return `${effect} (${principal}, ${action}, ${resource}) ${clauses.join(' ')};`
    })
}

const someGroups = fc.uniqueArray(fc.constantFrom(...GROUPS), { maxLength: 3 })
const someWords = fc.array(fc.constantFrom(...WORDS), { maxLength: 3 })
const someTags = fc.dictionary(fc.constantFrom(...TAGS), someWords, { maxKeys: 3 })

/** A request as the policies see it, well formed and otherwise anything. */
export const questions: fc.Arbitrary<Question> = fc.record({
  principal: fc.record({
    id: fc.constantFrom(...NAMES),
    kind: fc.constantFrom('user' as const, 'service' as const, 'anonymous' as const),
    issuer: fc.constantFrom('keys', 'a', 'https://issuer.example'),
    groups: someGroups,
    roles: someGroups,
    scopes: someWords,
    claims: someTags,
  }),
  action: fc.constantFrom('GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'),
  resource: fc.record({
    route: fc.constantFrom('orders', 'bills'),
    upstream: fc.constantFrom('demo', 'other'),
    host: fc.constantFrom('api.example', 'a'),
    path: fc.constantFrom(...WORDS, '/orders/secret/export'),
    parameters: fc.dictionary(fc.constantFrom(...TAGS), fc.constantFrom(...WORDS, 'keys')),
  }),
  context: fc.record({
    timeUs: fc.constantFrom(0, 1_795_248_000_000_000, 1_795_248_000_999_999, 253_402_300_799_999),
    address: fc.constantFrom(...ADDRESSES, ...RANGES, 'nowhere'),
    tls: fc.option(
      fc.record(
        {
          version: fc.constantFrom('TLSv1.2', 'TLSv1.3'),
          cipher: fc.constant('TLS_AES_128_GCM_SHA256'),
          serverName: fc.constantFrom('api.example', 'a'),
          alpn: fc.constant('http/1.1'),
        },
        { requiredKeys: ['version', 'cipher'] },
      ),
      { nil: undefined },
    ),
    credential: fc.constantFrom('api-key', 'jwt', 'none'),
    mfaAtUs: fc.constantFrom(undefined, 0, 1_795_247_900_000_000, 1_795_249_000_000_000),
    headers: someTags,
    grants: fc.constantFrom([], ['t'], ['a', 't']),
    operation: fc.constantFrom(undefined, 'a', 't'),
    breakGlass: fc.boolean(),
  }),
})
