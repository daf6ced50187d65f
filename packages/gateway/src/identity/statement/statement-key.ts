import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  sign,
} from 'node:crypto'
import { z } from 'zod'
import { type Disk, diskErrorCode, type Random, writeFileDurably } from '../../platform/index.ts'
import { IdentityError } from '../identity-error.ts'

export const STATEMENT_ALGORITHMS = ['EdDSA', 'ES256'] as const
export type StatementAlgorithm = (typeof STATEMENT_ALGORITHMS)[number]

/** A key of the gateway's that upstreams check statements with. */
export interface StatementKey {
  readonly algorithm: StatementAlgorithm
  /** RFC 7638 thumbprint. */
  readonly kid: string
  /** As the key set shows it. */
  readonly publicJwk: Readonly<Record<string, string>>
  sign(message: Uint8Array): Uint8Array
}

const SECRET_BYTES = 32
const FILE_BYTES_MAX = 4096

const part = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
const fileSchema = z.union([
  z.strictObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: part, d: part }),
  z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: part, y: part, d: part }),
])

/**
 * Opens the keys of statements, one an algorithm, as `statement.<algorithm>.jwk` in the directory
 * of keys; one that is missing is made. Throws IdentityError for a file that is no such key.
 */
export async function openStatementKeys(parts: {
  readonly disk: Disk
  readonly random: Random
  readonly directory: string
}): Promise<readonly StatementKey[]> {
  return [await openKey(parts, 'EdDSA'), await openKey(parts, 'ES256')]
}

async function openKey(
  { disk, random, directory }: Parameters<typeof openStatementKeys>[0],
  algorithm: StatementAlgorithm,
): Promise<StatementKey> {
  const path = `${directory}/statement.${algorithm.toLowerCase()}.jwk`
  const text = await readIfThere(disk, path)
  if (text !== undefined) return readKey(text, algorithm, path)
  const made = JSON.stringify(makeJwk(algorithm, random.bytes(SECRET_BYTES)))
  const bytes = new TextEncoder().encode(`${made}\n`)
  await writeFileDurably(disk, path, bytes, { syncDirectory: true })
  return readKey(made, algorithm, path)
}

async function readIfThere(disk: Disk, path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await disk.read(path, FILE_BYTES_MAX))
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
    throw error
  }
}

function readKey(text: string, algorithm: StatementAlgorithm, path: string): StatementKey {
  const jwk = parseJwk(text)
  const isFitting = jwk?.kty === (algorithm === 'EdDSA' ? 'OKP' : 'EC')
  if (jwk === undefined || !isFitting) {
    throw new IdentityError('IDENTITY_UNUSABLE', `${path} holds no private key for ${algorithm}`)
  }
  const { d: _, ...shown } = jwk
  const privateKey = createPrivateKey({ key: { ...jwk }, format: 'jwk' })
  const { crv, kty, x } = shown
  // RFC 7638: the members in alphabetical order.
  const canonical = 'y' in shown ? { crv, kty, x, y: shown.y } : { crv, kty, x }
  const kid = hash('sha256', JSON.stringify(canonical), 'base64url')
  return {
    algorithm,
    kid,
    publicJwk: { ...canonical, kid, alg: algorithm, use: 'sig' },
    sign: (message) => signWith(privateKey, algorithm, message),
  }
}

function parseJwk(text: string): z.infer<typeof fileSchema> | undefined {
  try {
    return fileSchema.parse(JSON.parse(text))
  } catch {
    return undefined // What exactly is wrong with it would quote a secret.
  }
}

function signWith(key: KeyObject, algorithm: StatementAlgorithm, message: Uint8Array): Uint8Array {
  return algorithm === 'EdDSA'
    ? sign(null, message, key)
    : sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })
}

/** Prefix of a PKCS #8 file around an Ed25519 secret. */
const ED25519_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

function makeJwk(algorithm: StatementAlgorithm, secret: Uint8Array): object {
  const d = Buffer.from(secret).toString('base64url')
  if (algorithm === 'EdDSA') {
    const key = Buffer.concat([ED25519_PREFIX, secret])
    const { x } = createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' })).export({
      format: 'jwk',
    })
    return { kty: 'OKP', crv: 'Ed25519', x, d }
  }
  const curve = createECDH('prime256v1')
  // One secret in 2^32 is no scalar of the curve: it throws, and the next start makes another.
  curve.setPrivateKey(secret)
  const point = curve.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((each) => {
    return each.toString('base64url')
  })
  return { kty: 'EC', crv: 'P-256', x, y, d }
}
