import { hash } from 'node:crypto'
import {
  type Authenticator,
  type BodyDigest,
  type CredentialRefusal,
  type Identification,
  refused,
} from '../authenticator.ts'
import type { ReplayStore } from '../dpop/replay-store.ts'
import type { Presented } from '../presented.ts'
import { parseContentDigest } from './content-digest.ts'
import { signatureBase } from './signature-base.ts'
import type { SignaturesConfig } from './signature-config.ts'
import { readSignatureKeys, type SignatureKey } from './signature-keys.ts'
import { type InnerList, parseDictionary } from './structured-fields.ts'

/** Characters of `Signature-Input` and of `Signature` that are read. */
const FIELDS_LENGTH_MAX = 8192
const COMPONENTS_MAX = 64
const NONCE_LENGTH_MAX = 256

/** A signature, read but not yet believed. */
interface ReadSignature {
  readonly input: InnerList
  readonly signature: Uint8Array
  readonly createdUs: number
  readonly expiresUs: number | undefined
  readonly keyId: string
  readonly algorithm: string | undefined
  readonly nonce: string | undefined
}

/** Throws IdentityError for keys that are of no use. */
export function httpSignatures(config: SignaturesConfig, nonces: ReplayStore): Authenticator {
  const verifier = new SignatureVerifier(config, nonces)
  return {
    name: config.name,
    kind: 'http-signature',
    carrier: 'signature',
    challenges: [],
    recognises: (presented) => {
      const names = ['signature', 'signature-input']
      return names.some((name) => presented.valuesOf(name).length > 0)
    },
    authenticate: (presented) => verifier.identify(presented),
  }
}

class SignatureVerifier {
  readonly #config: SignaturesConfig
  readonly #keys: ReadonlyMap<string, SignatureKey>
  readonly #replays: ReplayStore
  readonly #needed: readonly string[]

  constructor(config: SignaturesConfig, nonces: ReplayStore) {
    this.#config = config
    this.#keys = readSignatureKeys(config.keys, config.name)
    this.#replays = nonces
    this.#needed = config.components.map((name) => `"${name}"`)
  }

  identify(presented: Presented): Identification {
    const read = readSignature(presented)
    if (typeof read === 'string') return no(read)
    const key = this.#keys.get(read.keyId)
    if (key === undefined) return no('signature-key-unknown')
    const based = signatureBase(read.input, presented)
    if (typeof based === 'string') return no(based)
    const { base, covered } = based
    const fault = this.#timeFault(read, presented.atUs) ?? this.#coverFault(covered, presented)
    if (fault !== undefined) return no(fault)
    if (read.algorithm !== undefined && read.algorithm !== key.algorithm) {
      return no('signature-algorithm')
    }
    if (!key.verify(Buffer.from(base, 'latin1'), read.signature)) return no('signature-wrong')
    return this.#admit(read, key, presented, { base, isDigested: covered.has('"content-digest"') })
  }

  /** The signature holds: what is left is whether it is the first time, and the body to come. */
  #admit(
    read: ReadSignature,
    key: SignatureKey,
    presented: Presented,
    { base, isDigested }: { readonly base: string; readonly isDigested: boolean },
  ): Identification {
    const { atUs } = presented
    const { id, principal, expiresAtUs } = key
    const credential = { method: 'http-signature' as const, id, expiresAtUs }
    if (expiresAtUs !== undefined && expiresAtUs <= atUs) {
      return refused('credentials-expired', { credential })
    }
    const bodyDigest = isDigested ? digestOf(presented) : undefined
    if (bodyDigest === 'unusable') return no('signature-digest')
    const fault = this.#replayFault(read, atUs)
    if (fault !== undefined) return no(fault.fault, fault.reason)
    const proof = `${base}\n"@signature": :${Buffer.from(read.signature).toString('base64')}:`
    return { known: true, principal, credential: { ...credential, proof }, bodyDigest }
  }

  #timeFault({ createdUs, expiresUs }: ReadSignature, nowUs: number): string | undefined {
    const { windowMs, aheadMs } = this.#config
    if (createdUs > nowUs + aheadMs * 1000) return 'signature-ahead'
    if (createdUs < nowUs - windowMs * 1000) return 'signature-old'
    return expiresUs !== undefined && expiresUs <= nowUs ? 'signature-expired' : undefined
  }

  /** What no signature may leave open: what is asked, of whom, and with which body. */
  #coverFault(covered: ReadonlySet<string>, presented: Presented): string | undefined {
    const has = (name: string): boolean => covered.has(`"${name}"`)
    const isTargeted =
      has('@target-uri') ||
      (has('@authority') &&
        (has('@request-target') ||
          (has('@path') && (has('@query') || !presented.url.includes('?')))))
    if (!has('@method') || !isTargeted) return 'signature-coverage'
    if (presented.hasBody && !has('content-digest')) return 'signature-coverage'
    return this.#needed.every((name) => covered.has(name)) ? undefined : 'signature-coverage'
  }

  #replayFault(
    { nonce, keyId, createdUs }: ReadSignature,
    nowUs: number,
  ): { readonly fault: string; readonly reason: CredentialRefusal } | undefined {
    if (nonce === undefined) {
      const isNeeded = this.#config.nonce === 'required'
      return isNeeded ? { fault: 'signature-nonce', reason: 'signature-invalid' } : undefined
    }
    // Before a restart it may have been used: a signer has to sign once more.
    if (createdUs <= this.#replays.forgottenUntilUs) {
      return { fault: 'signed-before-start', reason: 'proof-replayed' }
    }
    const seen = this.#replays.add(hash('sha256', `${keyId}\0${nonce}`, 'base64url'), {
      nowUs,
      issuedAtUs: createdUs,
    })
    if (seen === 'new') return undefined
    return seen === 'seen'
      ? { fault: 'signature-replayed', reason: 'proof-replayed' }
      : { fault: 'signature-store-full', reason: 'proof-unavailable' }
  }
}

/** Exactly one signature: of two, two readers could check one each. */
function readSignature(presented: Presented): ReadSignature | string {
  const inputs = presented.valuesOf('signature-input')
  const signatures = presented.valuesOf('signature')
  if ([...inputs, ...signatures].join().length > FIELDS_LENGTH_MAX) return 'signature-length'
  const [input, secondInput] = parseDictionary(inputs) ?? []
  const [signature, secondSignature] = parseDictionary(signatures) ?? []
  if (input === undefined || signature === undefined) return 'signature-form'
  if (secondInput !== undefined || secondSignature !== undefined) return 'signature-ambiguous'
  const [[label, list], [signatureLabel, value]] = [input, signature]
  if (label !== signatureLabel) return 'signature-form'
  if (!('items' in list) || !('item' in value) || value.item.kind !== 'bytes') {
    return 'signature-form'
  }
  if (list.items.length > COMPONENTS_MAX) return 'signature-length'
  return readParameters(list, value.item.value)
}

function readParameters(input: InnerList, signature: Uint8Array): ReadSignature | string {
  const created = integerOf(input, 'created')
  const expires = integerOf(input, 'expires')
  const keyId = textOf(input, 'keyid')
  const algorithm = textOf(input, 'alg')
  const nonce = textOf(input, 'nonce')
  if (created === undefined || keyId === undefined) return 'signature-parameters'
  const { parameters } = input
  if (!KINDS.every(([name, kind]) => (parameters.get(name)?.kind ?? kind) === kind)) {
    return 'signature-parameters'
  }
  if (nonce === '' || (nonce?.length ?? 0) > NONCE_LENGTH_MAX) {
    return 'signature-parameters'
  }
  return {
    input,
    signature,
    createdUs: created * 1e6,
    expiresUs: expires === undefined ? undefined : expires * 1e6,
    keyId,
    algorithm,
    nonce,
  }
}

const KINDS = [
  ['created', 'integer'],
  ['expires', 'integer'],
  ['keyid', 'string'],
  ['alg', 'string'],
  ['nonce', 'string'],
] as const

function integerOf({ parameters }: InnerList, name: string): number | undefined {
  const found = parameters.get(name)
  return found?.kind === 'integer' ? found.value : undefined
}

function textOf({ parameters }: InnerList, name: string): string | undefined {
  const found = parameters.get(name)
  return found?.kind === 'string' ? found.value : undefined
}

function digestOf(presented: Presented): BodyDigest | 'unusable' {
  return parseContentDigest(presented.valuesOf('content-digest')) ?? 'unusable'
}

function no(fault: string, reason: CredentialRefusal = 'signature-invalid'): Identification {
  return refused(reason, { fault })
}
