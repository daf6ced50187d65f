/** A key and its certificates, as PEM. */
export interface Pair {
  readonly certificate: string
  readonly key: string
}

/**
 * What an authority looks for while it validates names, and nothing else: an answer is here from
 * when the authority is told to look until it has looked.
 */
export class PendingChallenges {
  readonly #tokens = new Map<string, { readonly domain: string; readonly answer: string }>()
  readonly #pairs = new Map<string, Pair>()

  /** HTTP-01 (RFC 8555, section 8.3). Returns what takes it away again. */
  addHttp(domain: string, token: string, answer: string): () => void {
    const pending = { domain, answer }
    this.#tokens.set(token, pending)
    return () => {
      if (this.#tokens.get(token) === pending) this.#tokens.delete(token)
    }
  }

  /** TLS-ALPN-01 (RFC 8737). Returns what takes it away again. */
  addTls(domain: string, pair: Pair): () => void {
    this.#pairs.set(domain, pair)
    return () => {
      if (this.#pairs.get(domain) === pair) this.#pairs.delete(domain)
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
}
