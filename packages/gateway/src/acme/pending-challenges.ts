/** A key and its certificates, as PEM. */
export interface Pair {
  readonly certificate: string
  readonly key: string
}

/** All that is pending, as another process is told. */
export interface ChallengeWords {
  readonly http: readonly (readonly [token: string, domain: string, answer: string])[]
  readonly tls: readonly (readonly [domain: string, pair: Pair])[]
}

/**
 * What an authority looks for while it validates names, and nothing else: an answer is here from
 * when the authority is told to look until it has looked.
 */
export class PendingChallenges {
  readonly #tokens = new Map<string, { readonly domain: string; readonly answer: string }>()
  readonly #pairs = new Map<string, Pair>()
  readonly #changeListeners = new Set<() => void>()

  /** Calls `listener` after each change of what is pending. */
  onChange(listener: () => void): void {
    this.#changeListeners.add(listener)
  }

  words(): ChallengeWords {
    const http = Array.from(this.#tokens, ([token, { domain, answer }]) => {
      return [token, domain, answer] as const
    })
    return { http, tls: [...this.#pairs] }
  }

  /** Answers what another process waits for, and nothing that it was told of before. */
  follow({ http, tls }: ChallengeWords): void {
    this.#tokens.clear()
    this.#pairs.clear()
    for (const [token, domain, answer] of http) this.#tokens.set(token, { domain, answer })
    for (const [domain, pair] of tls) this.#pairs.set(domain, pair)
  }

  /** HTTP-01 (RFC 8555, section 8.3). Returns what takes it away again. */
  addHttp(domain: string, token: string, answer: string): () => void {
    const pending = { domain, answer }
    this.#tokens.set(token, pending)
    this.#tell()
    return () => {
      if (this.#tokens.get(token) === pending) this.#tokens.delete(token)
      this.#tell()
    }
  }

  /** TLS-ALPN-01 (RFC 8737). Returns what takes it away again. */
  addTls(domain: string, pair: Pair): () => void {
    this.#pairs.set(domain, pair)
    this.#tell()
    return () => {
      if (this.#pairs.get(domain) === pair) this.#pairs.delete(domain)
      this.#tell()
    }
  }

  /** What is to be answered for a token at a host; undefined where nobody waits for it. */
  httpAnswer(host: string, token: string): string | undefined {
    const pending = this.#tokens.get(token)
    return pending?.domain === host ? pending.answer : undefined
  }

  /** The certificate that proves a name; undefined where nobody waits for it. */
  tlsPair(serverName: string): Pair | undefined {
    return this.#pairs.get(serverName.toLowerCase())
  }

  #tell(): void {
    for (const listener of this.#changeListeners) listener()
  }
}
