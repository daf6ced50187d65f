import { connectionOf, mfaAgeMsOf, type Named, type Question } from './question.ts'

/**
 * The text whose SHA-256 is the digest of an authorisation request; docs/format.md describes it.
 * It holds personal facts, and the digest outlives them: without the salt it would let somebody
 * who guesses them know that the guess is right.
 */
export function encodeQuestion(salt: string, policySet: string, question: Question): string {
  const { action, resource, context } = question
  const { route, upstream, host, path, parameters } = resource
  const tls = context.tls === undefined ? null : Object.entries(connectionOf(context.tls))
  const facts = JSON.stringify([
    action,
    context.operation ?? null,
    [route, upstream, host, path, Object.entries(parameters)],
    [
      Math.floor(context.timeUs / 1000),
      context.address,
      tls,
      context.credential,
      mfaAgeMsOf(context) ?? null,
      Object.entries(context.headers),
      context.grants,
      context.breakGlass,
    ],
  ])
  return `["${salt}","${policySet}",${askerText(question.principal)},${facts}]`
}

/** An identity is encoded once, not once a request. */
const askers = new WeakMap<Question['principal'], string>()

function askerText(asker: Question['principal']): string {
  let text = askers.get(asker)
  if (text === undefined) {
    const { id, kind, issuer, groups, roles, scopes, claims } = asker
    text = JSON.stringify([kind, id, issuer, groups, roles, scopes, entries(claims)])
    askers.set(asker, text)
  }
  return text
}

function entries<T>(named: Named<T>): readonly (readonly [string, T])[] {
  return Object.entries(named)
}

/** JSON escapes a lone surrogate, which no UTF-8 has, after an even number of backslashes. */
const LONE_SURROGATE = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/

/** Whether every text of an encoded question has a UTF-8 form; else nothing is decided. */
export function isWellFormed(encoded: string): boolean {
  return !(encoded.includes('\\ud') && LONE_SURROGATE.test(encoded))
}
