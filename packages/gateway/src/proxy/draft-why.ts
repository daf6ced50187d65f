import { formatTime, type JsonObject, type Reason, type Why } from '@countersign/evidence'
import { limitFacts, limitText, type QuotaVerdict } from '../limits/index.ts'
import type { Decision, Question } from '../policy/index.ts'
import { SectionText, sectionText } from '../recorder/index.ts'
import { type Exchange, filled } from './exchange.ts'
import { patternOf } from './operations.ts'
import type { RouteConfig } from './proxy-config.ts'

const POLICIES_MAX = 256

/** Why it ends as `reason` says. */
export function draftWhy(exchange: Exchange, reason: Reason): Why {
  const { decision, inForce, quotas } = exchange
  const { configurationSha256 } = inForce
  const limits = quotas === undefined ? {} : { limits: limitFacts(quotas) }
  if (decision === undefined) {
    const early = earlyFacts(exchange)
    const facts = early === undefined ? {} : { facts: early }
    return { verdict: 'deny', reason, configurationSha256, ...facts, ...limits }
  }
  return {
    verdict: reason === 'policy-permits' ? 'allow' : 'deny',
    reason,
    policies: decision.policies.slice(0, POLICIES_MAX),
    policySetSha256: decision.policySet,
    configurationSha256,
    requestSha256: decision.request,
    facts: impersonalFacts(exchange),
    ...limits,
  }
}

/** Why it ended before a policy was asked: which rule the credential broke, which measure stood. */
function earlyFacts({ challenge, containedBy }: Exchange): JsonObject | undefined {
  if (containedBy !== undefined) return { containment: containedBy }
  return challenge?.fault === undefined ? undefined : { fault: challenge.fault }
}

/** While it is put together. */
type Draft<T> = { -readonly [Key in keyof T]: T[Key] }

/** The rest of what the policies saw is in `who`, `where` and `what`, each under its own key. */
function impersonalFacts({ question, route, breakGlass, use, asking }: Exchange): JsonObject {
  const { context } = filled(question, 'question')
  const known = filled(route, 'route')
  const facts: Draft<JsonObject> = {
    time: formatTime(context.timeUs),
    tls: context.tls !== undefined,
    credential: context.credential,
    upstream: known.upstream,
  }
  const pattern = patternOf(known, context.operation)
  if (pattern.includes('{')) facts.pattern = pattern
  if (context.grants.length > 0) facts.grants = context.grants
  if (breakGlass !== undefined) facts.breakGlass = breakGlass
  if (use !== undefined) facts.approval = { ...use }
  if (asking !== undefined) facts.approval = { approval: asking.id }
  return facts
}

/**
 * Why it is let go on. Of most requests only the digest, the time and the quotas' figures are their
 * own: these are put into the text of the one before.
 */
export function draftPermit(exchange: Exchange): Why | SectionText {
  const { question, decision, route, breakGlass, use, asking, quotas } = exchange
  const isPlain = breakGlass === undefined && use === undefined && asking === undefined
  if (question === undefined || decision === undefined || route === undefined || !isPlain) {
    return draftWhy(exchange, 'policy-permits')
  }
  if (question.context.grants.length > 0) return draftWhy(exchange, 'policy-permits')
  const known = forms.get(route.name)
  if (known?.fits(exchange, route, question, decision) === true) {
    return known.fill(decision.request, question.context.timeUs, quotas)
  }
  const form = new PermitForm(exchange, route, question, decision)
  if (forms.size >= FORMS_MAX) forms.clear()
  forms.set(route.name, form)
  return form.fill(decision.request, question.context.timeUs, quotas)
}

/** By the name of the route, of each the last. */
const forms = new Map<string, PermitForm>()
const FORMS_MAX = 1024

/** The text of a `why` between what differs with every request. */
class PermitForm {
  readonly #route: RouteConfig
  readonly #configuration: string
  readonly #policySet: string
  readonly #policies: Decision['policies']
  readonly #isTls: boolean
  readonly #credential: string
  readonly #operation: string | undefined
  readonly #upToDigest: string
  readonly #upToTime: string
  /** Without the last brace. */
  readonly #rest: string

  constructor(exchange: Exchange, route: RouteConfig, { context }: Question, decision: Decision) {
    this.#route = route
    this.#configuration = exchange.inForce.configurationSha256
    this.#policySet = decision.policySet
    this.#policies = decision.policies
    this.#isTls = context.tls !== undefined
    this.#credential = context.credential
    this.#operation = context.operation
    const { limits: _, ...why } = draftWhy(exchange, 'policy-permits')
    const text = sectionText('why', why)
    const [upToDigest, behind] = cutAt(text, decision.request)
    const [upToTime, rest] = cutAt(behind, formatTime(context.timeUs))
    this.#upToDigest = upToDigest
    this.#upToTime = upToTime
    this.#rest = rest.slice(0, -1)
  }

  /** Policies that are the same object were found to be the same. */
  fits(
    { inForce }: Exchange,
    route: RouteConfig,
    { context }: Question,
    { policies, policySet }: Decision,
  ): boolean {
    return (
      this.#route === route &&
      this.#policies === policies &&
      this.#policySet === policySet &&
      this.#configuration === inForce.configurationSha256 &&
      this.#isTls === (context.tls !== undefined) &&
      this.#credential === context.credential &&
      this.#operation === context.operation
    )
  }

  fill(digest: string, timeUs: number, quotas: QuotaVerdict | undefined): SectionText {
    const facts = `${this.#upToDigest}${digest}${this.#upToTime}${formatTime(timeUs)}${this.#rest}`
    if (quotas === undefined) return new SectionText(`${facts}}`)
    return new SectionText(`${facts},"limits":${limitText(quotas)}}`)
  }
}

/** What is before a text that is in it, and what is behind. */
function cutAt(text: string, part: string): readonly [string, string] {
  const at = text.indexOf(part)
  if (at === -1) throw new Error('a why without its digest or time')
  return [text.slice(0, at), text.slice(at + part.length)]
}
