import { knownAsker } from './asker.ts'
import { connectionOf, mfaAgeMsOf, type Question } from './question.ts'

/**
 * The text whose SHA-256 is the digest of an authorisation request; docs/format.md describes it.
 * It holds personal facts, and the digest outlives them: without the salt it would let somebody
 * who guesses them know that the guess is right.
 */
export function encodeQuestion(salt: string, policySet: string, question: Question): string {
  const { principal, resource, context } = question
  const { text } = knownAsker(principal)
  const timeMs = Math.floor(context.timeUs / 1000)
  const what = `${placeText(question)}${JSON.stringify(resource.path)},${parametersText(question)}]`
  return `["${salt}","${policySet}",${text},[${what},[${timeMs}${contextText(context)}]]]`
}

/** The same for nearly every request of a route: JSON is made of it once. */
interface Place {
  readonly action: string
  readonly operation: string | undefined
  readonly upstream: string
  readonly host: string
  readonly text: string
}

/** By the name of the route, of each the last. */
const places = new Map<string, Place>()
const PLACES_MAX = 1024

function placeText({ action, resource, context: { operation } }: Question): string {
  const { route, upstream, host } = resource
  const last = places.get(route)
  if (
    last?.action === action &&
    last.operation === operation &&
    last.upstream === upstream &&
    last.host === host
  ) {
    return last.text
  }
  const names = JSON.stringify([route, upstream, host]).slice(0, -1)
  const text = `${JSON.stringify(action)},${JSON.stringify(operation ?? null)},${names},`
  if (places.size >= PLACES_MAX) places.clear()
  places.set(route, { action, operation, upstream, host, text })
  return text
}

function parametersText({ resource: { parameters } }: Question): string {
  return isEmpty(parameters) ? '[]' : JSON.stringify(Object.entries(parameters))
}

/** Of a plain request, which is most of them, the last: connections differ, clients less so. */
let plain = { address: '', credential: '', text: '' }

function contextText(context: Question['context']): string {
  const { address, tls, credential, headers, grants, breakGlass } = context
  const mfaAgeMs = mfaAgeMsOf(context)
  const isPlain = tls === undefined && mfaAgeMs === undefined && grants.length === 0
  if (!isPlain || breakGlass || !isEmpty(headers)) {
    const connection = tls === undefined ? null : Object.entries(connectionOf(tls))
    const facts = [address, connection, credential, mfaAgeMs ?? null, Object.entries(headers)]
    return `,${JSON.stringify([...facts, grants, breakGlass]).slice(1, -1)}`
  }
  if (plain.address === address && plain.credential === credential) return plain.text
  const names = `${JSON.stringify(address)},null,${JSON.stringify(credential)}`
  plain = { address, credential, text: `,${names},null,[],[],false` }
  return plain.text
}

function isEmpty(named: object): boolean {
  for (const _ in named) return false
  return true
}

/** JSON escapes a lone surrogate, which no UTF-8 has, after an even number of backslashes. */
const LONE_SURROGATE = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/

/** Whether every text of an encoded question has a UTF-8 form; else nothing is decided. */
export function isWellFormed(encoded: string): boolean {
  return !(encoded.includes('\\ud') && LONE_SURROGATE.test(encoded))
}
