import type { CredentialConfig } from '../../upstream/index.ts'
import { lookAlike } from '../field-names.ts'
import type { HeaderFields } from '../header-fields.ts'
import { ProxyError } from '../proxy-error.ts'
import { SaidAgain } from './said-again.ts'

const SECRET = /^[!-~](?:[ -~]*[!-~])?$/
const TOKEN = /^[!-~]+$/
const SECRET_LENGTH_MIN = 8
const SECRET_LENGTH_MAX = 8192

/**
 * What the gateway shows to a service of somebody else. Its value leaves this object in the head of
 * a request, and for another process of the gateway's: printed, logged or turned to JSON it is its
 * name.
 */
export class InjectedCredential {
  readonly name: string
  readonly #config: CredentialConfig
  readonly #secret: string
  readonly #field: readonly [name: string, value: string]
  readonly #said: SaidAgain

  /** Throws ProxyError PROXY_CREDENTIAL, without the secret, where it is of no use. */
  constructor(config: CredentialConfig, secret: string) {
    const { name, scheme, username = '', header = '' } = config
    this.name = name
    this.#config = config
    this.#secret = secret
    const isWhole = (scheme === 'bearer' ? TOKEN : SECRET).test(secret)
    if (!isWhole || secret.length < SECRET_LENGTH_MIN || secret.length > SECRET_LENGTH_MAX) {
      const length = `${SECRET_LENGTH_MIN} to ${SECRET_LENGTH_MAX}`
      const message = `credential ${name}: it must be ${length} printable ASCII characters`
      throw new ProxyError('PROXY_CREDENTIAL', message)
    }
    const pair = Buffer.from(`${username}:${secret}`).toString('base64')
    this.#field =
      scheme === 'header'
        ? [header.toLowerCase(), secret]
        : ['authorization', scheme === 'basic' ? `Basic ${pair}` : `Bearer ${secret}`]
    this.#said = new SaidAgain(scheme === 'basic' ? [secret, pair] : [secret])
  }

  /** The fields with it, and with nothing that a reader could take for it. */
  addTo(fields: HeaderFields): HeaderFields {
    const [name] = this.#field
    const kept = fields.filter(([each]) => lookAlike(each) !== lookAlike(name))
    return [...kept, this.#field]
  }

  /** Whether the service says it again. */
  isIn(text: string): boolean {
    return this.#said.isIn(text)
  }

  /** What makes the same credential in another process: with its secret, for nobody else. */
  parts(): readonly [config: CredentialConfig, secret: string] {
    return [this.#config, this.#secret]
  }

  toJSON(): string {
    return this.name
  }
}
