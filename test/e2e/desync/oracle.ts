// Holds four stories of the same bytes against each other: the one reading that there may be, what
// was judged and recorded, what the upstream parsed, and what the client was answered.
import { createHash } from 'node:crypto'
import type { Talk } from './client.ts'
import type { Plan } from './grammar.ts'
import {
  canonicalHost,
  canonicalTarget,
  type Field,
  membersOf,
  type Reading,
  type ReadRequest,
  valuesOf,
} from './reading.ts'
import type { Recorded } from './records.ts'
import type { Parsed } from './upstreams.ts'

export interface Stories {
  readonly plan: Plan
  readonly address: string
  readonly reading: Reading
  readonly talk: Talk
  /** Of this connection, in the order of the ledger. */
  readonly records: readonly Recorded[]
  readonly parsedOf: (id: string) => readonly Parsed[]
  readonly authorityOf: (upstream: string) => string
  readonly principalOf: (authorization: string | undefined) => string | undefined
}

/** Every contradiction between them, as sentences; none is what there should be. */
export function contradictions(stories: Stories): readonly string[] {
  const { records, reading, talk } = stories
  const found: string[] = []
  const extra = reading.rest === 'nothing' ? 0 : 1
  if (records.length > reading.requests.length + extra) {
    found.push(`${records.length} records of ${reading.requests.length} requests`)
  }
  for (const [nth, record] of records.entries()) {
    const said = recordContradictions(stories, record, reading.requests[nth])
    found.push(...said.map((each) => `request ${nth}: ${each}`))
  }
  found.push(...answerContradictions(stories))
  const last = talk.answers.findIndex(({ isLast }) => isLast)
  if (last !== -1 && records.length > last + 1) {
    const more = records.slice(last + 1).map(({ kind, reason }) => `${kind} ${reason}`)
    found.push(`after the last answer there is ${more.join(', ')}`)
  }
  if (talk.isSilent) found.push('no answer and no end')
  return found
}

function recordContradictions(
  stories: Stories,
  record: Recorded,
  request: ReadRequest | undefined,
): readonly string[] {
  const parsed = stories.parsedOf(record.id)
  if (record.kind === 'refusal') {
    return parsed.length === 0 ? [] : ['refused, and yet it reached an upstream']
  }
  if (request === undefined) return ['served, although it is no request']
  if (parsed.length > 1) return [`it reached upstreams ${parsed.length} times`]
  const [seen] = parsed
  const host = valuesOf(request.fields, 'host')
  const target = canonicalTarget(request.target, host[0] ?? '')
  const authority = host.length === 1 ? canonicalHost(host[0] ?? '') : undefined
  if (target === undefined) return [`served, although ${request.target} has two readings`]
  if (authority === undefined) return [`served, although its host is ${host.join(' and ')}`]
  const principal = stories.principalOf(valuesOf(request.fields, 'authorization')[0])
  return [
    ...differs('method', record.method, request.method),
    ...differs('path', record.path, target.path),
    ...differs('query', record.query, target.query),
    ...differs('authority', record.authority, authority),
    ...differs('length', record.length, request.length),
    ...differs('principal', record.principal, principal),
    ...bodyContradictions(record, request, seen),
    ...(seen === undefined ? [] : upstreamContradictions(stories, { record, request, seen })),
  ]
}

function bodyContradictions(
  { outcome }: Recorded,
  { body, ends }: ReadRequest,
  seen: Parsed | undefined,
): readonly string[] {
  if (outcome === undefined) return ['an intent without an outcome']
  const isServed = outcome.source === 'upstream'
  if (isServed && seen === undefined) return ['answered by an upstream that has not seen it']
  if (isServed && ends !== 'whole') return [`served, although its body is ${ends}`]
  if (ends !== 'whole') return seen?.isWhole === true ? [`whole at the upstream, body ${ends}`] : []
  // A client that left, or an upstream that did: what was passed on is a beginning of the body.
  if (!isServed) return []
  const bytes = Buffer.from(body, 'latin1')
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return [
    ...differs('recorded body bytes', outcome.request?.bytes, bytes.length),
    ...differs('recorded body', outcome.request?.sha256, sha256),
    ...differs('body bytes at the upstream', seen?.bytes, bytes.length),
    ...differs('body at the upstream', seen?.sha256, sha256),
  ]
}

/** Names that the gateway says, each once, or takes out. */
const SAID = [
  'host',
  'x-request-id',
  'traceparent',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'countersign-principal',
  'countersign-principal-kind',
]
/** Of our own connection to the upstream. */
const FRAMING = ['content-length', 'transfer-encoding', 'connection', 'te']
/** What of the grammar is a claim of the caller's or of one connection only. */
const DROPPED = new Set([
  'authorization',
  'expect',
  'forwarded',
  'via',
  'proxy',
  'x-real-ip',
  'x-auth-user',
  'x-original-url',
  'x-http-method-override',
  'dpop',
  'client-cert',
  'remote-user',
  'te',
  'trailer',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'http2-settings',
  ...SAID,
  ...FRAMING,
])
const DROPPED_PREFIXES = /^(?:x-forwarded-|x-auth-|x-envoy-|x-client-cert|countersign-)/

function upstreamContradictions(
  { address, authorityOf }: Stories,
  of: { readonly record: Recorded; readonly request: ReadRequest; readonly seen: Parsed },
): readonly string[] {
  const { record, request, seen } = of
  const target = record.query === undefined ? record.path : `${record.path}?${record.query}`
  const gone = membersOf(request.fields, 'connection')
  const isKept = ([name]: Field): boolean => {
    const lower = name.toLowerCase()
    return !DROPPED.has(lower) && !DROPPED_PREFIXES.test(lower) && !gone.includes(lower)
  }
  const kept = request.fields.filter(isKept)
  const ours = new Set([...SAID, ...FRAMING])
  const passed = seen.fields.filter(([name]) => !ours.has(name.toLowerCase()))
  const framing = seen.fields.filter(([name]) =>
    /^(?:content-length|transfer-encoding)$/i.test(name),
  )
  return [
    ...differs('method at the upstream', seen.method, record.method),
    ...differs('target at the upstream', seen.target, target),
    ...differs('fields at the upstream', JSON.stringify(passed), JSON.stringify(kept)),
    ...(framing.length > 1 ? [`framed twice: ${JSON.stringify(framing)}`] : []),
    ...SAID.flatMap((name) => {
      const values = valuesOf(seen.fields, name)
      return values.length === 1 ? [] : [`${name} is there ${values.length} times`]
    }),
    ...differs('host', valuesOf(seen.fields, 'host')[0], authorityOf(seen.upstream)),
    ...differs('x-forwarded-host', valuesOf(seen.fields, 'x-forwarded-host')[0], record.authority),
    ...differs('x-forwarded-for', valuesOf(seen.fields, 'x-forwarded-for')[0], address),
    ...(valuesOf(seen.fields, 'te').every((value) => value === 'trailers')
      ? []
      : ['te is passed on']),
    ...differs('named', valuesOf(seen.fields, 'countersign-principal')[0], record.principal),
  ]
}

/** Each answer belongs to the record of its place, and says what the upstream was asked. */
function answerContradictions({
  talk,
  records,
  reading,
  plan,
  parsedOf,
}: Stories): readonly string[] {
  const found: string[] = []
  for (const [nth, answer] of talk.answers.entries()) {
    const record = records[nth]
    if (answer.id !== record?.id) {
      found.push(`answer ${nth} is of ${answer.id}, not of ${record?.id}`)
      continue
    }
    const [seen] = parsedOf(answer.id)
    const says = seen === undefined ? '' : `${answer.id} ${seen.method} ${seen.target}`
    const isOfUpstream = answer.status === 200 && seen !== undefined && seen.method !== 'HEAD'
    if (isOfUpstream && answer.body !== says) {
      found.push(`answer ${nth} says ${JSON.stringify(answer.body)}, not ${says}`)
    }
  }
  if (plan.leaves !== 'after the answers' || talk.isReset) return found
  if (talk.rest !== '') found.push(`bytes that are no answer: ${JSON.stringify(talk.rest)}`)
  const isCut = talk.answers.some(({ isLast }) => isLast) || reading.requests.at(-1)?.isLast
  const whole = reading.requests.filter(({ ends }) => ends === 'whole').length
  if (talk.answers.length < whole && isCut !== true) {
    found.push(`${talk.answers.length} answers to ${whole} whole requests`)
  }
  return found
}

function differs(what: string, found: unknown, wanted: unknown): readonly string[] {
  return found === wanted
    ? []
    : [`${what} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`]
}
