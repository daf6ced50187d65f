import type { Reason } from '@countersign/evidence'
import {
  type Identification,
  insufficientScope,
  Presented,
  type Refused,
  Shown,
} from '../identity/index.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Inbound, type Step } from './exchange.ts'
import { limitRefused } from './limit.ts'
import { recordedCredential } from './recorded-proof.ts'

/**
 * Asks who it is. A wrong credential is refused even where the route asks for none. A promise is
 * made only where somebody else has to be asked: API keys and tokens known already cost none.
 */
export function identify(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const { inbound, inForce } = exchange
  const asked = filled(exchange.asked, 'asked')
  const presented = new Presented({
    method: asked.method,
    url: () => {
      const query = asked.query === undefined ? '' : `?${asked.query}`
      const { externalOrigin, scheme } = inbound.peer
      return `${externalOrigin ?? `${scheme}://${asked.authority}`}${asked.path}${query}`
    },
    fields: inbound.fields,
    hasBody: asked.bodyBytes !== 0,
    peer: inbound.peer,
    atUs: context.clock.nowUs(),
    shown: shownBy(inbound),
  })
  const found = inForce.chainOf(filled(exchange.route, 'route')).identify(presented)
  return found instanceof Promise
    ? found.then((late) => adopt(exchange, context, late, presented))
    : adopt(exchange, context, found, presented)
}

/**
 * What came before is not read, nor digested, again. Of a connection other fields may differ with
 * every request; the credential does not.
 */
function shownBy({ fields, standing, peer: { last } }: Inbound): Shown {
  const known = standing?.shown
  if (known !== undefined) return known
  const shown = last?.shown?.next(fields) ?? new Shown(fields)
  if (last !== undefined) last.shown = shown
  if (standing !== undefined) standing.shown = shown
  return shown
}

function adopt(
  exchange: Exchange,
  context: ProxyContext,
  found: Identification,
  presented: Presented,
): Step | Promise<Step> {
  const { credential } = found
  exchange.credential = recordedCredential(credential)
  if (!found.known) {
    const refusal = turnAway(exchange, found)
    return found.reason === 'proof-nonce' ? refusal : limitRefused(exchange, context, refusal)
  }
  const { principal } = found
  exchange.principal = principal
  exchange.bodyDigest = found.bodyDigest
  exchange.isCredentialGood = found.isStillGood
  const { authenticate, scopes } = filled(exchange.route, 'route')
  if (principal.kind === 'anonymous' && (authenticate === 'required' || scopes.length > 0)) {
    return askFor(exchange, presented)
  }
  if (!scopes.every((scope) => principal.scopes.includes(scope))) {
    exchange.challenge = { challenges: [insufficientScope(scopes)], headers: [], fault: undefined }
    return limitRefused(exchange, context, { stop: 'insufficient-scope' })
  }
  const untilUs = found.untilUs ?? credential?.expiresAtUs
  exchange.credentialUntilUs = untilUs
  if (untilUs !== undefined) endWith(exchange, context, untilUs, presented.atUs)
  return 'next'
}

function turnAway(
  exchange: Exchange,
  { reason, challenges, headers = [], fault }: Refused,
): { readonly stop: Reason } {
  exchange.challenge = { challenges, headers, fault }
  return { stop: reason }
}

/** Nothing was shown: a browser may be sent to where one signs in, anybody else is told. */
function askFor(exchange: Exchange, presented: Presented): Step | Promise<Step> {
  const chain = exchange.inForce.chainOf(filled(exchange.route, 'route'))
  const invited = chain.invite(presented)
  if (invited instanceof Promise) return invited.then((late) => turnAway(exchange, late))
  if (invited !== undefined) return turnAway(exchange, invited)
  exchange.challenge = { challenges: chain.challenges, headers: [], fault: undefined }
  return { stop: 'credentials-missing' }
}

/**
 * What goes on for longer than its credential lives is cut when that ends. A credential that was
 * good for so long when it was shown outlives the exchange, which began before.
 */
function endWith(
  { deadlines, inForce }: Exchange,
  { clock }: ProxyContext,
  untilUs: number,
  shownAtUs: number,
): void {
  if ((untilUs - shownAtUs) / 1000 >= inForce.limits.exchangeMs) return
  deadlines.set('credential', (untilUs - clock.nowUs()) / 1000, 'credentials-expired')
}
