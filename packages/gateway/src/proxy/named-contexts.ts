import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type Certificate, contextOptions } from './tls-options.ts'

/**
 * Which of a listener's certificates a client gets, by the name it asks for (SNI, RFC 6066). The
 * names are those that the certificates say; the first that says a name has it, and a client that
 * asks for none of them, or for nothing, gets the listener's own.
 */
export class NamedContexts {
  readonly #exact = new Map<string, SecureContext>()
  readonly #wildcards = new Map<string, SecureContext>()

  /** Throws what OpenSSL has against one of them. */
  constructor({ further = [], ...own }: Certificate) {
    // The listener's own names come first: they never go to another certificate.
    for (const pair of [own, ...further]) {
      if (pair.certificate === undefined) continue
      const context = createSecureContext(contextOptions({ ...own, ...pair }))
      for (const name of namesOf(pair.certificate)) this.#add(name, context)
    }
  }

  /** Undefined: the listener's own. */
  find(serverName: string): SecureContext | undefined {
    const name = serverName.toLowerCase()
    // A wildcard stands for one label (RFC 9525, section 6.3).
    return this.#exact.get(name) ?? this.#wildcards.get(name.slice(name.indexOf('.') + 1))
  }

  #add(name: string, context: SecureContext): void {
    const [names, key] = name.startsWith('*.')
      ? [this.#wildcards, name.slice(2)]
      : [this.#exact, name]
    if (!names.has(key)) names.set(key, context)
  }
}

function namesOf(pem: string): readonly string[] {
  const { subjectAltName = '' } = new X509Certificate(pem)
  return subjectAltName
    .split(', ')
    .filter((each) => each.startsWith('DNS:'))
    .map((each) => each.slice('DNS:'.length).toLowerCase())
}
