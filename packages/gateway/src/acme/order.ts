import type { Authorization, Client, Order } from 'acme-client'
import type { Clock, HttpClient } from '../platform/index.ts'
import type { AcmeConfig } from './acme-config.ts'
import { AcmeError } from './acme-error.ts'
import { covers, type HeldCertificate, readPair } from './certificate.ts'
import { directoryTransport } from './directory-transport.ts'
import type { PendingChallenges } from './pending-challenges.ts'

type Library = typeof import('acme-client')
type Challenge = Authorization['challenges'][number]

const POLL_MS = 250
const POLL_MS_MAX = 5000
const POLL_GROWTH = 1.5
const PROBLEM_LENGTH_MAX = 300
/** RFC 8555, section 7.3.1: the one failure that an account may be made after. */
const NO_ACCOUNT = 'urn:ietf:params:acme:error:accountDoesNotExist'

export interface OrderParts {
  readonly config: AcmeConfig
  readonly clock: Clock
  readonly http: HttpClient
  readonly challenges: PendingChallenges
  readonly accountKey: (make: () => Promise<string>) => Promise<string>
  /** The secret of an account that the authority knows already. */
  readonly macKey: string | undefined
  /** The gateway stops. */
  readonly signal: AbortSignal
}

/** The library keeps its way to the network in one place: so one order goes on at a time. */
let newest: Promise<unknown> = Promise.resolve()

/** One certificate, from the account to the chain. Throws AcmeError. */
export function orderCertificate(parts: OrderParts): Promise<HeldCertificate> {
  const order = newest.then(() => run(parts))
  // The caller has `order`, and is told; the next in the queue only waits for it.
  newest = order.catch(() => undefined)
  return order
}

async function run(parts: OrderParts): Promise<HeldCertificate> {
  if (parts.signal.aborted) throw closed()
  // Loaded only where there is something to order: it is much code.
  const library = await import('acme-client')
  const { config, http } = parts
  const order = new OneOrder(library, parts)
  Object.assign(library.axios.defaults, {
    adapter: directoryTransport(http, config.answerMs, (problem) => {
      order.problem = problem
    }),
  })
  try {
    return await order.run()
  } catch (cause) {
    if (cause instanceof AcmeError) throw cause
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new AcmeError('ACME_DIRECTORY', said.slice(0, PROBLEM_LENGTH_MAX), { cause })
  }
}

class OneOrder {
  readonly #library: Library
  readonly #parts: OrderParts
  readonly #untilMs: number
  readonly #shown: (() => void)[] = []
  /** Of what kind the answer that came last is, where it is a problem. */
  problem: string | undefined

  constructor(library: Library, parts: OrderParts) {
    this.#library = library
    this.#parts = parts
    this.#untilMs = parts.clock.ticksMs() + parts.config.orderMs
  }

  async run(): Promise<HeldCertificate> {
    const { domains } = this.#parts.config
    const client = await this.#client()
    await this.#account(client)
    const identifiers = domains.map((value) => ({ type: 'dns', value }))
    const order = await client.createOrder({ identifiers })
    const { length } = order.authorizations
    if (length > domains.length) {
      const message = `it wants ${length} authorizations for ${domains.length} names`
      throw new AcmeError('ACME_DIRECTORY', message)
    }
    try {
      await this.#authorize(client, order)
    } finally {
      for (const takeAway of this.#shown) takeAway()
    }
    return this.#finalize(client, await client.getOrder(order))
  }

  async #client(): Promise<Client> {
    const { config, accountKey, macKey } = this.#parts
    const key = await accountKey(() => this.#newKey())
    const { externalAccount, directory } = config
    return new this.#library.Client({
      directoryUrl: directory,
      accountKey: key,
      ...(externalAccount === undefined || macKey === undefined
        ? {}
        : { externalAccountBinding: { kid: externalAccount.keyId, hmacKey: macKey } }),
    })
  }

  /** An authority may have forgotten it since the last time. */
  async #account(client: Client): Promise<void> {
    const contact = [...this.#parts.config.contact]
    const known = await client.createAccount({ onlyReturnExisting: true }).catch((cause) => {
      if (this.problem === NO_ACCOUNT) return undefined
      throw cause
    })
    if (known === undefined) {
      const contacts = contact.length === 0 ? {} : { contact }
      await client.createAccount({ termsOfServiceAgreed: true, ...contacts })
    } else if (String(known.contact ?? []) !== String(contact)) {
      await client.updateAccount({ contact })
    }
  }

  async #authorize(client: Client, order: Order): Promise<void> {
    const asked: Challenge[] = []
    for (const authorization of await client.getAuthorizations(order)) {
      if (authorization.status === 'valid') continue
      asked.push(await this.#show(client, authorization))
    }
    // All of them are there before the authority is told to look for the first.
    for (const challenge of asked) await client.completeChallenge(challenge)
    await this.#poll(async () => {
      const all = await client.getAuthorizations(order)
      const failed = all.find(({ status }) => status !== 'pending' && status !== 'valid')
      if (failed !== undefined) throw validationError(failed)
      return all.every(({ status }) => status === 'valid') ? all : undefined
    })
  }

  async #show(client: Client, authorization: Authorization): Promise<Challenge> {
    const { config, challenges } = this.#parts
    const domain = authorization.identifier.value.toLowerCase()
    // The library's types do not know the kind that RFC 8737 adds.
    const kindOf = ({ type }: Challenge): string => type
    const challenge = config.challenges
      .map((kind) => authorization.challenges.find((each) => kindOf(each) === kind))
      .find((each) => each !== undefined)
    if (challenge === undefined) {
      const message = `it validates ${domain} by none of ${config.challenges.join(', ')}`
      throw new AcmeError('ACME_VALIDATION', message)
    }
    const answer = await client.getChallengeKeyAuthorization(challenge)
    if (kindOf(challenge) === 'http-01') {
      this.#shown.push(challenges.addHttp(domain, challenge.token, answer))
    } else {
      const key = await this.#newKey()
      const made = await this.#library.crypto.createAlpnCertificate(authorization, answer, key)
      this.#shown.push(challenges.addTls(domain, { certificate: made[1].toString(), key }))
    }
    return challenge
  }

  async #finalize(client: Client, order: Order): Promise<HeldCertificate> {
    const { domains } = this.#parts.config
    const key = await this.#newKey()
    const [, csr] = await this.#library.crypto.createCsr({ altNames: [...domains] }, key)
    await client.finalizeOrder(order, csr)
    const done = await this.#poll(async () => {
      const now = await client.getOrder(order)
      if (now.status === 'invalid') throw new AcmeError('ACME_VALIDATION', `order: ${says(now)}`)
      return now.status === 'valid' ? now : undefined
    })
    const held = readPair({ certificate: await client.getCertificate(done), key })
    if (covers(held, domains)) return held
    throw new AcmeError('ACME_CERTIFICATE', 'it was issued for other names than were asked for')
  }

  async #newKey(): Promise<string> {
    return (await this.#library.crypto.createPrivateEcdsaKey('P-256')).toString()
  }

  async #poll<T>(look: () => Promise<T | undefined>): Promise<T> {
    const { clock, config, signal } = this.#parts
    for (let waitMs = POLL_MS; ; waitMs = Math.min(POLL_MS_MAX, waitMs * POLL_GROWTH)) {
      const found = await look()
      if (found !== undefined) return found
      if (clock.ticksMs() > this.#untilMs) {
        throw new AcmeError('ACME_TIMEOUT', `no certificate within ${config.orderMs} ms`)
      }
      await pause(clock, waitMs, signal)
      if (signal.aborted) throw closed()
    }
  }
}

/** Not beyond the end of the gateway: no timer keeps the process alive to see to it. */
async function pause(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const go = (): void => resolve()
  const timer = clock.after(waitMs, go)
  signal.addEventListener('abort', go)
  await promise
  signal.removeEventListener('abort', go)
  timer.cancel()
}

function closed(): AcmeError {
  return new AcmeError('ACME_CLOSED', 'the gateway stops')
}

function validationError({ identifier, challenges, status }: Authorization): AcmeError {
  const told = challenges.find(({ error }) => error !== undefined)
  const why = told === undefined ? status : `${told.type}: ${says(told)}`
  return new AcmeError('ACME_VALIDATION', `${identifier.value}: ${why}`)
}

/** In the authority's own words (RFC 7807), as far as it has any. */
function says({ error }: { readonly error?: object }): string {
  const detail: unknown = error === undefined ? undefined : Reflect.get(error, 'detail')
  const words = typeof detail === 'string' ? detail : 'it gives no reason'
  return words.slice(0, PROBLEM_LENGTH_MAX).toWellFormed()
}
