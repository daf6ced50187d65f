// Seeded exchanges as a busy gateway records them: 2,000 principals by Zipf's law, an API of a few
// resources, traceparent present, digests and identifiers random. Shared by benches and tests.
import type { How, Via, What, Where, Who, Why } from '@countersign/evidence'

export const PRINCIPALS = 2000
/** One request in so many comes without credentials; one in so many is refused. */
const ANONYMOUS_EVERY = 50
const REFUSED_EVERY = 33
const WRITES_EVERY = 5

export interface SampleExchange {
  readonly subject:
    | { readonly issuer: string; readonly id: string }
    | { readonly anonymous: string }
  readonly who: Who
  readonly where: Where
  readonly what: What
  readonly why: Why
  /** Both missing: the request was refused, `how` says how. */
  readonly via: Via | undefined
  readonly how: How
}

/**
 * With strings of one piece each, as a gateway has them that reads them and hashes: JSON takes
 * twice as long for those that were joined.
 */
function flat<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value
}

/** Endless, and the same for the same seed. */
export class SampleExchanges {
  #state: number
  readonly #cumulative = zipf(PRINCIPALS)
  readonly #policySetSha256: string
  readonly #configurationSha256: string
  readonly #parties = new Map<number, Omit<Who, 'requestSalt'>>()
  #count = 0

  constructor(seed: number) {
    this.#state = seed >>> 0
    this.#policySetSha256 = this.#hex(64)
    this.#configurationSha256 = this.#hex(64)
  }

  next(): SampleExchange {
    const count = this.#count++
    const rank = this.#principal()
    const isAnonymous = count % ANONYMOUS_EVERY === ANONYMOUS_EVERY - 1
    const isRefused = count % REFUSED_EVERY === REFUSED_EVERY - 1
    const address = `203.0.${rank % 113}.${(rank * 7) % 251}`
    const id = `${FIRST[rank % FIRST.length]}.${LAST[(rank * 31) % LAST.length]}${rank}@example.org`
    const issuer = 'https://login.example.org/realms/staff'
    return {
      subject: isAnonymous ? { anonymous: address } : { issuer, id },
      who: isAnonymous
        ? { principal: { id: 'anonymous', kind: 'anonymous' }, requestSalt: this.#hex(32) }
        : this.#who(id, issuer, rank),
      where: this.#where(address, rank),
      ...this.#asked(isRefused),
    }
  }

  /** A party is drafted once, as the proxy does: frozen, it has one text for all its requests. */
  #who(id: string, issuer: string, rank: number): Who {
    const groups = GROUPS.filter((_, at) => (rank >> at) % 2 === 0)
    const party = this.#parties.get(rank) ?? {
      principal: Object.freeze({ id, kind: 'user', issuer } as const),
      credential: { method: 'api-key', id: `cs_${(rank * 7919).toString(36).padStart(8, 'k')}` },
      facts: { groups, department: `d${rank % 12}` },
    }
    this.#parties.set(rank, party)
    return { ...party, requestSalt: this.#hex(32) }
  }

  /** Each comes by a connection of its own, which the proxy drafts once. */
  #where(address: string, rank: number): Where {
    return Object.freeze({
      address,
      port: 1024 + this.#below(64_000),
      tls: {
        version: 'TLSv1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        serverName: 'api.example.org',
        alpn: 'http/1.1',
      },
      userAgent: AGENTS[rank % AGENTS.length] ?? 'curl/8.5.0',
    })
  }

  #asked(isRefused: boolean): Pick<SampleExchange, 'what' | 'why' | 'via' | 'how'> {
    const isWrite = this.#below(WRITES_EVERY) === 0
    const [route, operation] = ROUTES[this.#below(ROUTES.length)] ?? ['orders', 'order']
    const sent = isWrite ? { bytes: 40 + this.#below(900), sha256: this.#hex(64) } : EMPTY
    const what: What = {
      method: isWrite ? 'POST' : 'GET',
      scheme: 'https',
      authority: 'api.example.org',
      path: `/${route}/${this.#below(100_000)}`,
      ...(this.#below(4) === 0 && { query: `page=${this.#below(20)}&size=50` }),
      protocol: 'HTTP/1.1',
      route,
      operation: `${isWrite ? 'create' : 'read'}-${operation}`,
      headers: {
        accept: ['application/json'],
        ...(isWrite && { 'content-type': ['application/json'] }),
      },
      traceparent: `00-${this.#hex(32)}-${this.#hex(16)}-01`,
    }
    const why: Why = {
      verdict: isRefused ? 'deny' : 'allow',
      reason: isRefused ? 'no-policy-permits' : 'policy-permits',
      ...(!isRefused && { policies: [`${route}-${isWrite ? 'writers' : 'readers'}`] }),
      policySetSha256: this.#policySetSha256,
      configurationSha256: this.#configurationSha256,
      requestSha256: this.#hex(64),
      facts: { hour: 9, route, method: what.method ?? 'GET' },
    }
    const received = { bytes: 120 + this.#below(4000), sha256: this.#hex(64) }
    if (isRefused) {
      const how: How = { ended: 'released', status: 403, source: 'gateway', response: received }
      return { ...flat({ what, why, how }), via: undefined }
    }
    const [via, how] = [this.#via(isWrite, received), this.#how(isWrite, sent, received)]
    return flat({ what, why, via, how })
  }

  #via(isWrite: boolean, response: { bytes: number; sha256: string }): Via {
    const connectUs = 20 + this.#below(400)
    const sentUs = connectUs + 10 + this.#below(200)
    const headUs = sentUs + 300 + this.#below(20_000)
    return {
      upstream: 'orders',
      address: '10.20.0.7:8443',
      attempts: 1,
      timings: { connectUs, sentUs, headUs, endUs: headUs + this.#below(3000) },
      status: isWrite ? 201 : 200,
      response,
    }
  }

  #how(
    isWrite: boolean,
    request: { bytes: number; sha256: string },
    response: { bytes: number; sha256: string },
  ): How {
    const status = isWrite ? 201 : 200
    return { ended: 'released', status, source: 'upstream', request, response }
  }

  #principal(): number {
    const wanted = this.#below(2 ** 30) / 2 ** 30
    let low = 0
    let high = this.#cumulative.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#cumulative[middle] ?? 1) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }

  #hex(length: number): string {
    let text = ''
    while (text.length < length) text += this.#word().toString(16).padStart(8, '0')
    return flat(text.slice(0, length))
  }

  #below(limit: number): number {
    return this.#word() % limit
  }

  // splitmix32: every word of the sequence is used once, so digests do not repeat.
  #word(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let word = this.#state
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97)
    return (word ^ (word >>> 15)) >>> 0
  }
}

function zipf(count: number): Float64Array {
  const cumulative = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1)
    cumulative[rank] = sum
  }
  return cumulative.map((each) => each / sum)
}

const EMPTY = {
  bytes: 0,
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
}
const FIRST = ['ada', 'ben', 'chloe', 'dmitri', 'eva', 'farid', 'grace', 'hana', 'ivo', 'june']
const LAST = ['lovelace', 'okafor', 'tanaka', 'muller', 'silva', 'novak', 'haddad', 'berg', 'rossi']
const GROUPS = ['staff', 'support', 'orders-readers', 'orders-writers', 'billing']
const ROUTES = [
  ['orders', 'order'],
  ['customers', 'customer'],
  ['invoices', 'invoice'],
  ['shipments', 'shipment'],
] as const
const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15',
  'okhttp/4.12.0',
  'python-requests/2.32.3',
  'curl/8.5.0',
]
